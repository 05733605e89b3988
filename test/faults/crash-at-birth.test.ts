// Runs in: the test runner. Forked children that crash before they begin their jobs: a job runs once more and never
// twice, the crashes are counted, and after the third one processes are spawned.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Pool, Process, remote } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const skip = 'missing' in findNative() && 'without the addon there is no template'

/** A preload with which a child crashes at its birth, as long as there is a file in the folder: it takes one away. */
const crashing = (folder: string, signal: NodeJS.Signals): string =>
  `data:text/javascript,${encodeURIComponent(`
    import { readdirSync, readlinkSync, rmSync } from 'node:fs'
    const template = readlinkSync('/proc/self')
    const { random } = Math
    Math.random = () => {
      const pid = readlinkSync('/proc/self')
      const [file] = pid === template ? [] : readdirSync('${folder}')
      if (file === undefined) return random()
      rmSync('${folder}/' + file)
      process.kill(Number(pid), '${signal}')
    }`)}`

describe('children that crash before they begin their jobs', { skip, timeout: 240_000 }, () => {
  let parent: string
  let folders = 0
  const warnings: string[] = []
  const onWarning = (warning: Error & { code?: string }): void =>
    void warnings.push(`${warning.code} ${warning.message}`)
  before(() => {
    parent = mkdtempSync(path.join(os.tmpdir(), 'fs-crash-'))
    process.on('warning', onWarning)
  })
  after(() => {
    process.off('warning', onWarning)
    rmSync(parent, { recursive: true })
  })

  async function start(signal: NodeJS.Signals = 'SIGSEGV') {
    const folder = mkdtempSync(path.join(parent, `${folders++}-`))
    const server = await ForkServer.start({ preload: [crashing(folder, signal), jobs.module], spares: 0 })
    assert.equal(server.startMethod, 'forkserver')
    const crashNext = (count: number): void => {
      for (let file = 0; file < count; file++) writeFileSync(path.join(folder, String(file)), '')
    }
    const left = (): number => readdirSync(folder).length
    return { server, crashNext, left }
  }

  for (const signal of ['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGTRAP'] as const) {
    test(`${signal}: the job runs once more, and the caller sees one process`, async () => {
      const { server, crashNext, left } = await start(signal)
      await using _server = server
      crashNext(1)
      const p = await new Process(jobs.echo, ['again'], { server, stdio: 'ignore' }).start()
      assert.equal(await p.result, 'again')
      const { exitCode, signal: by } = await p.join()
      assert.deepEqual([exitCode, by, server.crashes, left(), p.alive], [0, null, 1, 0, false])
      assert.equal(server.startMethod, 'forkserver')
    })
  }

  test('the second one is reported if it crashes, too; the third crash of the server makes it spawn', async () => {
    const { server, crashNext, left } = await start()
    await using _server = server
    crashNext(2)
    const p = await new Process(jobs.echo, [1], { server, stdio: 'ignore' }).start()
    await assert.rejects(p.result, { code: 'ERR_CHILD_DIED', signal: 'SIGSEGV' })
    assert.equal((await p.join()).signal, 'SIGSEGV')
    assert.deepEqual([server.crashes, left(), server.startMethod], [2, 0, 'forkserver'])
    crashNext(1)
    const spawned = await new Process(jobs.echo, ['spawned'], { server, stdio: 'ignore' }).start()
    assert.equal(await spawned.result, 'spawned')
    await spawned.join()
    assert.deepEqual([server.crashes, server.startMethod, server.pid], [3, 'spawn', undefined])
    assert.match(server.spawnReason ?? '', /3 forked children crashed/)
    await new Promise(setImmediate)
    assert.equal(warnings.filter((text) => /^FORKSERVER_SPAWN .*3 forked children crashed/.test(text)).length, 1)
    crashNext(1)
    const next = await new Process(jobs.echo, ['next'], { server, stdio: 'ignore' }).start()
    assert.deepEqual([await next.result, left()], ['next', 1], 'no child was forked for it')
    await next.join()
  })

  test('a process whose pipes were handed out is not run again', async () => {
    const { server, crashNext } = await start()
    await using _server = server
    crashNext(1)
    const p = await new Process(jobs.echo, [1], { server, stdio: ['ignore', 'pipe', 'ignore'] }).start()
    await assert.rejects(p.result, { code: 'ERR_CHILD_DIED', signal: 'SIGSEGV' })
    await p.join()
    assert.equal(server.crashes, 1)
  })

  test('a job that has begun is not run again, whatever it dies of', async () => {
    const { server } = await start()
    await using _server = server
    const note = path.join(parent, 'note')
    for (const signal of ['SIGSEGV', 'SIGTRAP'] as const) {
      const p = await new Process(jobs.noteThenDieBy, [note, signal], { server, stdio: 'ignore' }).start()
      await assert.rejects(p.result, { code: 'ERR_CHILD_DIED', signal })
      await p.join()
    }
    assert.deepEqual([readFileSync(note, 'utf8'), server.crashes], ['SIGSEGV\nSIGTRAP\n', 0])
  })

  test('a pool starts other workers, and goes over to spawn as well', async () => {
    const { server, crashNext } = await start()
    await using _server = server
    for (const wanted of ['forkserver', 'forkserver', 'spawn']) {
      crashNext(1)
      await using pool = new Pool({ server, processes: 1, stdio: 'ignore' })
      assert.deepEqual(await pool.map(jobs.echo, [1, 2, 3]), [1, 2, 3])
      assert.equal(server.startMethod, wanted)
    }
  })

  test('a process that is killed meanwhile stays killed', async () => {
    const { server, crashNext } = await start()
    await using _server = server
    crashNext(1)
    const p = await new Process(jobs.idle, [], { server, stdio: 'ignore' }).start()
    p.kill()
    await assert.rejects(p.result, { code: 'ERR_CHILD_DIED' })
    assert.match((await p.join()).signal!, /^SIG(KILL|SEGV)$/)
  })
})
