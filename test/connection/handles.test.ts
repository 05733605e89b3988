// Runs in: the test runner. Descriptors passed along, and pipes whose one end another process has.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Connection, pipe } from 'forkserver/connection'
import { native } from '#src/platform/native.js'
import { addon, temporary, WAYS, withPair } from '../support/connections.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const ECHO = fileURLToPath(new URL('../fixtures/connection/echo.js', import.meta.url))

for (const way of WAYS.filter(({ isNative }) => isNative)) {
  describe(`descriptors over ${way.name}`, () => {
    test(
      'arrive between messages, each at its place, and mean the same file',
      withPair(way, async ({ one, other }) => {
        const { folder, remove } = temporary()
        for (let index = 0; index < 20; index++) {
          const file = path.join(folder, String(index))
          const fd = openSync(file, 'w')
          await one.send(index)
          await one.sendHandle(fd)
          closeSync(fd)
        }
        for (let index = 0; index < 20; index++) {
          assert.equal(await other.recv(), index)
          const fd = await other.recvHandle()
          writeSync(fd, `file ${index}`)
          closeSync(fd)
          assert.equal(readFileSync(path.join(folder, String(index)), 'utf8'), `file ${index}`)
        }
        remove()
      }),
    )

    test(
      'behind a message that the kernel does not take at once',
      withPair(way, async ({ one, other }) => {
        const fd = openSync('/dev/null', 'r')
        const sent = Promise.all([one.sendBytes(Buffer.alloc(5_000_000)), one.sendHandle(fd), one.send('after')])
        assert.equal((await other.recvBytes()).length, 5_000_000)
        const received = await other.recvHandle()
        assert.equal(await other.recv(), 'after')
        await sent
        closeSync(fd)
        closeSync(received)
      }),
    )

    test(
      'who asks for the wrong one of the two is told, and loses nothing',
      withPair(way, async ({ one, other }) => {
        const fd = openSync('/dev/null', 'r')
        await one.sendHandle(fd)
        await one.send('text')
        await assert.rejects(other.recv(), { name: 'ProtocolError', code: 'ERR_PROTOCOL' })
        closeSync(await other.recvHandle())
        await assert.rejects(other.recvHandle(), { name: 'ProtocolError', code: 'ERR_PROTOCOL' })
        assert.equal(await other.recv(), 'text')
        closeSync(fd)
        await assert.rejects(one.sendHandle(-1), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
        await assert.rejects(one.sendHandle(fd), { name: 'ResourceError', code: 'ERR_RESOURCE' }) // EBADF
      }),
    )

    test(
      'descriptors that nobody asked for are closed: in a message, too many, and at the end',
      withPair(way, async ({ one, other }) => {
        const fd = openSync('/dev/null', 'r')
        const frame = Buffer.from([0, 0, 0, 2, 65, 66])
        assert.equal(native().send(one.fd!, frame, Int32Array.of(fd, fd, fd)), frame.length)
        assert.equal(String(await other.recvBytes()), 'AB')
        native().send(one.fd!, Buffer.of(2), Int32Array.of(fd, fd))
        await assert.rejects(other.recvHandle(), { code: 'ERR_PROTOCOL' })
        for (let index = 0; index < 200; index++) native().send(one.fd!, Buffer.of(1), Int32Array.of(fd))
        await assert.rejects(other.recv(), { code: 'ERR_PROTOCOL' })
        await other.close() // watchLeaks() finds what is left
        closeSync(fd)
      }),
    )
  })
}

describe('what has no descriptors', () => {
  for (const way of WAYS.filter(({ isNative }) => !isNative)) {
    test(
      `over ${way.name}`,
      withPair(way, async ({ one }) => {
        const refused = { name: 'UsageError', code: 'ERR_UNSUPPORTED' }
        await assert.rejects(one.sendHandle(0), refused)
        await assert.rejects(one.recvHandle(), refused)
        assert.equal(one.fd, undefined)
        assert.throws(() => one.detach(), refused)
      }),
    )
  }
})

describe('pipe()', () => {
  // Behind the first few, messages of one turn of the event loop leave together, at its end.
  test('what was sent in a turn arrives if the connection ends, closes or passes a descriptor in it', async () => {
    const numbers = Array.from({ length: 1_000 }, (_, index) => index)
    for (const last of ['end', 'close', 'sendHandle'] as const) {
      const [one, other] = await pipe()
      const sent = numbers.map((number) => one.send(number))
      const fd = openSync('/dev/null', 'r')
      const done = last === 'end' ? one.end() : last === 'close' ? one.close() : one.sendHandle(fd)
      await Promise.all([done, ...sent])
      for (const number of numbers) assert.equal(await other.recv(), number)
      if (last === 'sendHandle') closeSync(await other.recvHandle())
      else await assert.rejects(other.recv(), { code: 'ERR_CONNECTION_CLOSED' })
      closeSync(fd)
      await Promise.all([one.close(), other.close()])
    }
  })

  test('what is sent in one turn to nobody rejects, each of it', async () => {
    const [one, other] = await pipe()
    await other.close()
    const sent = await Promise.allSettled(Array.from({ length: 100 }, (_, index) => one.send(index)))
    const codes = new Set(sent.map((result) => (result.status === 'rejected' ? result.reason.code : 'sent')))
    assert.deepEqual([...codes], ['ERR_CONNECTION_CLOSED'])
    await one.close()
  })

  test('one way: each end does its own', async () => {
    for (const way of [pipe]) {
      const [reader, writer] = await way({ duplex: false })
      assert.deepEqual([reader.readable, reader.writable, writer.readable, writer.writable], [true, false, false, true])
      await writer.send(1)
      assert.equal(await reader.recv(), 1)
      await assert.rejects(reader.send(1), { name: 'UsageError', code: 'ERR_INVALID_STATE' })
      await assert.rejects(writer.recv(), { name: 'UsageError', code: 'ERR_INVALID_STATE' })
      await assert.rejects(writer.poll(), { name: 'UsageError', code: 'ERR_INVALID_STATE' })
      await Promise.all([reader.close(), writer.close()])
    }
    await assert.rejects(pipe({ duplexx: true } as never), { name: 'UsageError', code: 'ERR_UNKNOWN_OPTION' })
  })

  test('one end is handed to a child when it is started', { skip: !addon }, async () => {
    const [ours, theirs] = await pipe()
    const child = spawn(process.execPath, [ECHO, '3'], { stdio: ['ignore', 'inherit', 'inherit', theirs.fd!] })
    await theirs.close()
    await ours.send(new Map([['a', [1, 2]]]))
    assert.deepEqual(await ours.recv(), new Map([['a', [1, 2]]]))
    const large = Buffer.alloc(3_000_000, 1)
    await ours.sendBytes(large)
    assert.ok((await ours.recvBytes()).equals(large))
    ours.end()
    assert.deepEqual(await once(child, 'exit'), [0, null])
    await ours.close()
  })

  test('detach() gives the descriptor away', { skip: !addon }, async () => {
    const [one, other] = await pipe()
    await one.send('first')
    assert.equal(await other.recv(), 'first')
    const waiting = assert.rejects(other.recv(), { code: 'ERR_INVALID_STATE' })
    const again = Connection.open(other.detach())
    await waiting
    assert.equal(other.closed, true)
    await assert.rejects(other.send(1), { code: 'ERR_INVALID_STATE' })
    await other.close()
    await one.send('second')
    assert.equal(await again.recv(), 'second')
    closeSync(again.detach())
    assert.throws(() => again.detach(), { code: 'ERR_INVALID_STATE' })
    await one.close()
  })

  test('open() refuses what is no descriptor', () => {
    assert.throws(() => Connection.open(-1), { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
    assert.throws(() => Connection.open('3' as never), { code: 'ERR_INVALID_ARGUMENT' })
    assert.throws(() => Connection.open(3, { codecs: 'json' } as never), { code: 'ERR_UNKNOWN_OPTION' })
  })

  test('open() refuses what is no socket, and does not take it', { skip: !addon }, () => {
    const { folder, remove } = temporary()
    const file = path.join(folder, 'file')
    writeFileSync(file, 'text')
    const fd = openSync(file, 'r')
    assert.throws(() => Connection.open(fd), { code: 'ERR_INVALID_ARGUMENT', message: /is not a socket/ })
    closeSync(fd)
    assert.throws(() => Connection.open(fd), { code: 'ERR_INVALID_ARGUMENT', message: /is not a socket/ })
    remove()
  })

  test('open() does not take a descriptor of Node itself', { skip: !addon }, async () => {
    const code = `import { Connection } from 'forkserver/connection'
      for (let fd = 3; fd < 40; fd++) try { Connection.open(fd) } catch (error) { console.log(error.code) }
      setTimeout(() => console.log('lives'), 10)`
    const args = ['--input-type=module', '-e', code]
    const child = spawn(process.execPath, args, { cwd: path.dirname(ECHO), stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    assert.deepEqual(await once(child, 'close'), [0, null])
    assert.equal(output, `${'ERR_INVALID_ARGUMENT\n'.repeat(37)}lives\n`)
  })
})

describe('the life of a process', () => {
  const run = async (code: string): Promise<[string, number | null]> => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      cwd: path.dirname(path.dirname(path.dirname(ECHO))),
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const [exitCode] = (await once(child, 'close')) as [number | null]
    return [output, exitCode]
  }

  test('open connections and listeners that nobody waits for do not keep it alive', async () => {
    const code = `import { Listener, connect, pipe, AuthKey } from 'forkserver/connection'
      const authKey = AuthKey.generate()
      for (const address of [{ host: '127.0.0.1', port: 0 }, { path: process.env.TMPDIR ?? '/tmp' }].slice(0, 1)) {
        const listener = await Listener.listen({ address, authKey })
        const [one, other] = await Promise.all([connect(listener.address, { authKey }), listener.accept()])
        await one.send(1); await other.recv()
      }
      const [one, other] = await pipe()
      await one.send(1); await other.recv()
      console.log('done')`
    assert.deepEqual(await run(code), ['done\n', 0])
  })

  test('a recv() that waits does, and a worker thread may end while one waits', async () => {
    const code = `import { pipe } from 'forkserver/connection'
      import { Worker } from 'node:worker_threads'
      const [one, other] = await pipe()
      other.recv().then((value) => console.log(value))
      setTimeout(() => one.send('late'), 50).unref()
      const inner = \`import('forkserver/connection').then(async ({ pipe }) => {
        const ends = await pipe()
        ends[0].recv()
        ends[1].recv()
        const { parentPort } = await import('node:worker_threads')
        parentPort.postMessage('up')
      })\`
      const worker = new Worker(inner, { eval: true })
      worker.once('message', () => worker.terminate())
      worker.once('exit', () => console.log('ended'))`
    const [output, exitCode] = await run(code)
    assert.deepEqual([output.split('\n').sort(), exitCode], [['', 'ended', 'late'], 0])
  })
})
