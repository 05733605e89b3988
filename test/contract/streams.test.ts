// Runs in: the test runner. stdin, stdout and stderr of a child, led to every kind of place.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync, createWriteStream, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Process, type ProcessOptions, ResourceError } from 'forkserver'
import { until } from '../support/leaks.js'
import { contract, errorOf, jobs, openBesidesSpares, read, run } from './contract.js'

const MiB = 1024 * 1024

let folder = ''
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-stdio-'))
})
after(() => rmSync(folder, { recursive: true }))

contract('stdio', (site) => {
  const file = (name: string): string => path.join(folder, name)
  const startSaying = (stdio: ProcessOptions['stdio']) =>
    new Process(jobs.say, ['to stdout', 'to stderr'], { server: site.server, ...(stdio && { stdio }) }).start()

  test('pipe: both outputs, apart', async () => {
    const process = await startSaying('pipe')
    assert.ok(process.stdin && process.stdout && process.stderr)
    process.stdin.end()
    assert.deepEqual(await Promise.all([read(process.stdout), read(process.stderr)]), ['to stdout\n', 'to stderr\n'])
    assert.equal((await process.join()).exitCode, 0)
  })

  test('pipe: stdin to a child that echoes it', async () => {
    const options = { server: site.server, stdio: ['pipe', 'pipe', 'inherit'] } as const
    const process = await new Process(jobs.echoStdin, [], options).start()
    process.stdin!.write('one ')
    process.stdin!.end('two')
    assert.equal(await read(process.stdout), 'ONE TWO')
    assert.equal(await process.result, 'one two')
    assert.equal((await process.join()).exitCode, 0)
  })

  test('pipe: much of stdin', async () => {
    const options = { server: site.server, stdio: ['pipe', 'ignore', 'inherit'] } as const
    const process = await new Process(jobs.echoStdin, [], options).start()
    process.stdin!.end('x'.repeat(3 * MiB))
    assert.equal((await process.result).length, 3 * MiB)
    await process.join()
  })

  test('pipe: 1 MiB of stdout arrives complete, though the job is over and the reader is slow', async () => {
    const options = { server: site.server, stdio: ['ignore', 'pipe', 'inherit'] } as const
    const process = await new Process(jobs.writeMuch, [MiB], options).start()
    await process.result
    const parts: string[] = []
    for await (const chunk of process.stdout!) {
      parts.push(String(chunk))
      for (let turn = 0; turn < 5; turn++) await nextTurn()
    }
    const all = parts.join('')
    assert.equal(all.length, MiB)
    assert.ok(all.endsWith('x!'))
    assert.equal((await process.join()).exitCode, 0)
  })

  test('pipe: the child may write into one that was closed', async () => {
    const process = await startSaying(['ignore', 'pipe', 'pipe'])
    process.stdout!.destroy()
    process.stderr!.destroy()
    const { signal } = await process.join()
    assert.equal(signal, null)
  })

  test('what is not a pipe is null', async () => {
    const process = await startSaying(['ignore', 'pipe', 'ignore'])
    assert.deepEqual([process.stdin, process.stderr], [null, null])
    assert.equal(await read(process.stdout), 'to stdout\n')
    await process.join()
  })

  test('ignore is /dev/null, for all three', async () => {
    for (const fd of [0, 1, 2]) {
      assert.equal(await run(jobs.followDescriptor, [fd], { server: site.server, stdio: 'ignore' }), '/dev/null')
    }
    assert.equal(await run(jobs.echoStdin, [], { server: site.server, stdio: 'ignore' }), '')
  })

  test('a descriptor, also the same one twice', async () => {
    const name = file(`descriptor of ${site.way.name}`)
    const fd = openSync(name, 'w')
    const process = await startSaying(['ignore', fd, fd])
    assert.equal((await process.join()).exitCode, 0)
    closeSync(fd) // it is still ours, and open
    assert.equal(readFileSync(name, 'utf8'), 'to stdout\nto stderr\n')
  })

  test('a descriptor as stdin', async () => {
    writeFileSync(file('input'), 'from a file')
    const fd = openSync(file('input'), 'r')
    const stdio = [fd, 'ignore', 'inherit'] as const
    assert.equal(await run(jobs.echoStdin, [], { server: site.server, stdio }), 'from a file')
    closeSync(fd)
  })

  test('a stream of a file', async () => {
    const name = file(`stream of ${site.way.name}`)
    const stream = createWriteStream(name)
    await once(stream, 'open')
    const process = await startSaying(['ignore', stream, 'ignore'])
    await process.join()
    stream.end()
    await once(stream, 'close')
    assert.equal(readFileSync(name, 'utf8'), 'to stdout\n')
  })

  test('the pipe of another process', async () => {
    const options = { server: site.server, stdio: ['pipe', 'pipe', 'inherit'] } as const
    const reader = await new Process(jobs.echoStdin, [], options).start()
    const writer = await startSaying(['ignore', reader.stdin!, 'ignore'])
    await writer.join()
    reader.stdin!.end()
    assert.equal(await read(reader.stdout), 'TO STDOUT\n')
    await reader.join()
  })

  test('a descriptor that is not open fails start(), and leaks nothing', async () => {
    const before = openBesidesSpares(site.server)
    const process = new Process(jobs.echo, [1], { server: site.server, stdio: ['pipe', 9_999, 'pipe'] })
    const error = await errorOf(process.start(), ResourceError)
    assert.equal(error.errno, 'EBADF')
    assert.ok(await until(() => openBesidesSpares(site.server) <= before))
    assert.equal(await run(jobs.echo, ['still serves'], { server: site.server }), 'still serves')
  })
})
