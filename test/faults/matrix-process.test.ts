// Runs in: the test runner. Whoever fails, at whatever moment and in whatever way: each promise of a Process and of its
// server settles, with the answer that the table gives, and nothing is left. Owners that fail are in
// matrix-owner.slow.test.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { until, watchLeaks } from '../support/leaks.js'
import { FakeTemplate, type Fault, type Moment } from './fake-template.js'

watchLeaks()

const LIMIT = { timeout: 240_000 }
/** Injected, so that no test waits for long. */
const TEMPLATE_TIMEOUT = 300
const START_TIMEOUT = 2_000
/** Long enough for a job to return before it, on a machine that is busy. */
const PROCESS_TIMEOUT = 6_000
/** A pid that no process has: a child that has ended. */
const GONE = 2 ** 22 + 1

const FAULTS: Fault[] = ['dies', 'is stopped', 'answers nonsense']
const matrix = remote<typeof import('../fixtures/faults/matrix.js')>(
  new URL('../fixtures/faults/matrix.js', import.meta.url),
)

type Answer = string

/** 'value 42', 'exit 0', 'SIGKILL', or the code of an error. It settles, or the test fails by its limit. */
async function answerOf(promise: Promise<unknown>): Promise<Answer> {
  try {
    const value = await promise
    if (typeof value !== 'object' || value === null) return `value ${value}`
    const { exitCode, signal } = value as { exitCode: number | null; signal: string | null }
    return signal ?? `exit ${exitCode}`
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

function check(seen: Answer, wanted: RegExp, what: string): void {
  assert.match(seen, wanted, `${what}: ${seen}`)
}

const start = (env: NodeJS.ProcessEnv = {}, startTimeout = 60_000): Promise<ForkServer> =>
  ForkServer.start({ preload: [matrix.module], env: { ...process.env, ...env }, startTimeout })

describe('a template fails at its start', LIMIT, () => {
  const wanted: Record<Fault, RegExp> = {
    dies: /^ERR_TEMPLATE_START$/,
    'is stopped': /^ERR_TEMPLATE_START$/,
    'answers nonsense': /^ERR_(PRELOAD_FAILED|TEMPLATE_START)$/,
  }
  for (const fault of FAULTS) {
    test(fault, async () => {
      const starting = start({ TEST_AT: 'template start', TEST_FAULT: fault }, START_TIMEOUT)
      check(await answerOf(starting), wanted[fault], 'start()')
    })
  }
})

describe('a template fails', LIMIT, () => {
  /** What connect(), start(), result and join() answer; close() always resolves. */
  const lost = /^ERR_TEMPLATE_LOST$/
  const refused = /^ERR_(CONNECTION_ENDED|AUTH_TIMEOUT|PROTOCOL|AUTH_REFUSED)$/
  const answers: Record<Moment, { connect?: RegExp; start?: RegExp; result?: RegExp; join?: RegExp }> = {
    handshake: { connect: refused },
    attach: { connect: refused },
    request: { start: lost, result: lost, join: lost },
    exit: { result: lost, join: lost },
    // The child of a template that is none delivers nothing.
    close: { result: /^ERR_CHILD_DIED$/, join: /^exit 0$/ },
  }
  for (const moment of Object.keys(answers) as Moment[]) {
    for (const fault of FAULTS) {
      test(`${moment}: ${fault}`, async () => {
        await using fake = await FakeTemplate.open(moment, fault, GONE)
        const wanted = answers[moment]
        const connecting = ForkServer.connect(fake.address, fake.key, { templateTimeout: TEMPLATE_TIMEOUT })
        if (wanted.connect) return check(await answerOf(connecting), wanted.connect, 'connect()')
        const server = await connecting
        const p = new Process(matrix.work, ['job', 'dies'], { server, stdio: 'ignore' })
        const started = p.start()
        if (wanted.start) check(await answerOf(started), wanted.start, 'start()')
        else await started
        check(await answerOf(p.result), wanted.result!, 'result')
        check(await answerOf(p.join()), wanted.join!, 'join()')
        assert.equal(p.alive, false)
        await server.close({ children: moment === 'close' ? 'wait' : 'kill' })
      })
    }
  }
})

describe('a child fails', LIMIT, () => {
  type Cell = { result: RegExp; join: RegExp }
  const died: Cell = { result: /^ERR_CHILD_DIED$/, join: /^SIGKILL$/ }
  const late: Cell = { result: /^ERR_TIMEOUT$/, join: /^SIGKILL$/ }
  const broken: Cell = { result: /^ERR_(PROTOCOL|MESSAGE_TOO_LARGE)$/, join: /^(SIGKILL|exit [01])$/ }
  const cells: Record<'birth' | 'job' | 'exit', Record<Fault, Cell>> = {
    birth: { dies: died, 'is stopped': late, 'answers nonsense': broken },
    job: { dies: died, 'is stopped': late, 'answers nonsense': broken },
    exit: {
      dies: { result: /^value 42$/, join: /^SIGKILL$/ },
      'is stopped': { result: /^value 42$/, join: /^SIGKILL$/ },
      'answers nonsense': { result: /^value 42$/, join: /^(SIGKILL|exit [01])$/ },
    },
  }
  for (const [moment, byFault] of Object.entries(cells)) {
    for (const fault of FAULTS) {
      test(`${moment}: ${fault}`, async () => {
        await using server = await start(moment === 'birth' ? { TEST_AT: 'birth', TEST_FAULT: fault } : {})
        const options = { server, stdio: 'ignore', timeout: PROCESS_TIMEOUT } as const
        const p = await new Process(matrix.work, [moment, fault], options).start()
        check(await answerOf(p.result), byFault[fault].result, 'result')
        check(await answerOf(p.join()), byFault[fault].join, 'join()')
        assert.equal(p.alive, false)
      })
    }
  }

  for (const fault of FAULTS) {
    test(`close: ${fault}`, async () => {
      const server = await start()
      const p = await new Process(matrix.workUntilClose, [fault], { server, stdio: 'ignore' }).start()
      await server.close({ children: 'kill' })
      check(await answerOf(p.result), /^ERR_(CHILD_DIED|PROTOCOL|MESSAGE_TOO_LARGE)$/, 'result')
      check(await answerOf(p.join()), /^SIGKILL$/, 'join()')
      assert.ok(await until(() => !p.alive))
    })
  }
})
