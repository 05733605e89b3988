// Runs in: the test runner. More processes than there may be: each start that cannot be fails as a typed error, all
// others are as if nothing had happened, nothing is lost and nothing stays open.
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ForkServer, Process, ResourceError, remote, type StartMethod } from 'forkserver'
import type { ManyPlan, ManyReport } from '../fixtures/faults/many.js'
import { descendants, isAlive, until, watchLeaks } from '../support/leaks.js'
import { Gate } from './gate.js'
import { killIfAlive, runProgram } from './owner.js'
import { RawClient } from './raw-client.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const MANY = fileURLToPath(new URL('../fixtures/faults/many.js', import.meta.url))
const LIMITED = new URL('../fixtures/faults/limited.js', import.meta.url)
const LIMIT = { timeout: 480_000 }
const PATIENCE_MS = 200_000
/** Users above it do not exist. Each run of this file takes another one. */
const FIRST_FREE_UID = 100_000
const METHODS: StartMethod[] = ['forkserver', 'spawn']

/** Runs the program of fixtures/faults/many.ts behind a shell's ulimit. A hang is ended, and told. */
async function runMany(ulimit: string, plan: ManyPlan): Promise<ManyReport> {
  const program = runProgram('sh', ['-c', `${ulimit}; exec "$0" "$@"`, process.execPath, MANY, JSON.stringify(plan)])
  const patience = setTimeout(() => program.process.kill('SIGKILL'), PATIENCE_MS)
  const line = await program.nextLine()
  const { exitCode, stderr } = await program.ended
  clearTimeout(patience)
  const lastWords = stderr.slice(-2_000)
  assert.ok(line, `it ended with ${exitCode ?? 'our SIGKILL, because it hung'}: ${lastWords}`)
  assert.equal(exitCode, 0, lastWords)
  return JSON.parse(line) as ManyReport
}

function checkAccounts(report: ManyReport, count: number, errno: string): void {
  const failures = Object.entries(report.failed)
  const failed = failures.reduce((sum, [, times]) => sum + times, 0)
  assert.equal(report.started + failed, count, 'every one is accounted for')
  for (const [what] of failures) assert.match(what, new RegExp(`^ResourceError ERR_RESOURCE ${errno} \\w+`))
  assert.ok(report.worksAgain, 'it works when there is room again')
}

describe('too many open files in the owner', LIMIT, () => {
  for (const startMethod of METHODS) {
    test(`start method ${startMethod}: EMFILE for those that are too many`, async () => {
      const report = await runMany('ulimit -n 96', { startMethod, count: 80 })
      checkAccounts(report, 80, 'EMFILE')
      assert.ok(report.started > 5 && report.started < 80, `${report.started} started`)
      assert.equal(report.delivered, report.started, report.died.join('\n'))
      // child_process.spawn() itself loses up to 3 when it fails by EMFILE.
      const lost = report.openAfter - report.openBefore
      assert.ok(lost <= (startMethod === 'spawn' ? 3 : 0), `${lost} descriptors stay open`)
    })
  }
})

/** The processes of a user, by pid. */
function processesOf(uid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid > 0 && statSync(`/proc/${pid}`).uid === uid && isAlive(pid)
      } catch {
        return false // it ended meanwhile
      }
    })
}

// Not for `spawn`: a plain Node that may start no thread aborts or hangs by itself, before any of our code runs.
const skip = process.getuid!() !== 0 && 'the limit is that of another user, whom only root can become'
describe('too many processes', { ...LIMIT, skip }, () => {
  const uid = FIRST_FREE_UID + process.pid

  for (const limit of [40, 90]) {
    test(`at most ${limit} processes and threads: EAGAIN for those that are too many, and none hangs`, async () => {
      try {
        // The option is -u in bash and -p in dash.
        const ulimit = `ulimit -u ${limit} 2>/dev/null || ulimit -p ${limit}`
        const report = await runMany(ulimit, { startMethod: 'forkserver', count: 60, uid })
        checkAccounts(report, 60, 'EAGAIN')
        // A child may find that it is allowed no thread: then it was never born, and its result says so.
        for (const what of report.died) assert.match(what, /^ResourceError ERR_RESOURCE EAGAIN \w+$/)
        assert.ok(report.delivered > 3 && report.delivered < 60, `${report.delivered} delivered`)
        assert.equal(report.openAfter, report.openBefore, 'descriptors')
        assert.ok(await until(() => processesOf(uid).length === 0), 'processes are left')
      } finally {
        for (const pid of processesOf(uid)) killIfAlive(pid)
      }
    })
  }
})

describe('too many open files in the template', LIMIT, () => {
  test('EMFILE for a start, and the next one works when there is room again', async () => {
    // Room for one fork; silent clients take it away.
    await using probe = await ForkServer.start({ spares: 0, preload: [jobs.module, LIMITED] })
    await new Process(jobs.echo, [1], { server: probe }).start().then((p) => p.join())
    const open = readdirSync(`/proc/${probe.pid}/fd`).map(Number)
    const highest = open.filter((fd) => fd < 200).reduce((a, b) => Math.max(a, b), 0)
    const env = { ...process.env, TEST_OPEN_FILES: String(highest + 8) }
    const options = { preload: [jobs.module, LIMITED], env, transport: 'abstract', spares: 0 } as const
    await using server = await ForkServer.start(options)
    const echo = (): Promise<unknown> =>
      new Process(jobs.echo, [1], { server, stdio: 'ignore' }).start().then(async (p) => {
        await p.join()
        return p.result
      })
    assert.equal(await echo(), 1)
    const silent = Array.from({ length: 24 }, () => new RawClient(server.address!))
    const isFull = (): boolean => {
      const taken = new Set(readdirSync(`/proc/${server.pid}/fd`))
      return Array.from({ length: highest + 8 }, (_, fd) => String(fd)).every((fd) => taken.has(fd))
    }
    assert.ok(await until(isFull), 'the template accepts as many as it can')
    await assert.rejects(echo(), (error) => {
      assert.ok(error instanceof ResourceError)
      assert.equal(error.errno, 'EMFILE')
      return true
    })
    for (const client of silent) client.end()
    await Promise.all(silent.map(({ closed }) => closed))
    assert.ok(await until(() => readdirSync(`/proc/${server.pid}/fd`).length < highest + 4))
    assert.equal(await echo(), 1)
  })

  test('with few left, each start works or fails by EMFILE', async () => {
    const outcomes: string[] = []
    await using probe = await ForkServer.start({ preload: [jobs.module, LIMITED] })
    const highest = Math.max(
      ...readdirSync(`/proc/${probe.pid}/fd`)
        .map(Number)
        .filter((fd) => fd < 200),
    )
    for (let room = -6; room <= 30; room += 3) {
      const env = { ...process.env, TEST_OPEN_FILES: String(highest + room) }
      await using server = await ForkServer.start({ preload: [jobs.module, LIMITED], env })
      const p = new Process(jobs.echo, ['works'], { server, stdio: 'ignore' })
      await p.start().then(
        () => p.join(),
        () => {},
      )
      outcomes.push(await p.result.then(String, (error) => `${error.code} ${error.errno}`))
    }
    assert.deepEqual(
      outcomes.filter((what) => what !== 'works' && what !== 'ERR_RESOURCE EMFILE'),
      [],
    )
    assert.ok(outcomes.includes('works') && outcomes.includes('ERR_RESOURCE EMFILE'), outcomes.join())
  })
})

describe('how many processes there may be', LIMIT, () => {
  test('none: a server that is started and closed', async () => {
    const before = descendants().length
    for (const startMethod of METHODS) await (await ForkServer.start({ startMethod })).close()
    assert.ok(await until(() => descendants().length === before))
  })

  test('a thousand at once: each one is there, is its own process, and answers', async () => {
    const count = 1000
    await using server = await ForkServer.start({ preload: [jobs.module] })
    using gate = new Gate()
    const all = Array.from(
      { length: count },
      (_, id) => new Process(jobs.untilReleased, [id], { server, stdio: gate.stdio }),
    )
    await Promise.all(all.map((p) => p.start()))
    assert.equal(new Set(all.map(({ pid }) => pid)).size, count)
    assert.ok(all.every(({ alive }) => alive))
    gate.open()
    assert.deepEqual(
      await Promise.all(all.map(({ result }) => result)),
      Array.from({ length: count }, (_, id) => id),
    )
    const exits = await Promise.all(all.map((p) => p.join()))
    assert.ok(exits.every(({ exitCode }) => exitCode === 0))
  })
})
