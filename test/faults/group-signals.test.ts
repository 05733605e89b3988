// Runs in: the test runner. Signals that reach all processes of a group at once: Ctrl-C and Ctrl-\ in a terminal, a
// terminal that closes, a service or a container that is stopped. The owner decides what ends. Children get the signal
// as plain Node processes do, and the template does not end before its owner.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { GROUP_SIGNALS } from '../fixtures/faults/group-signals.js'
import type { SignalLine, SignalledPlan, SignalledReport } from '../fixtures/faults/signalled-owner.js'
import { descendants, isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, type RunningProgram, runProgram, signalIfAlive } from './owner.js'

watchLeaks()

/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 60_000 }
const OWNER = fileURLToPath(new URL('../fixtures/faults/signalled-owner.js', import.meta.url))
const isRoot = process.getuid!() === 0
const METHODS = ['forkserver', 'spawn'] as const

type Owner = RunningProgram & { report: SignalledReport; pids: number[] }

function pidsOf({ template, plain, listening, grandchild }: SignalledReport): number[] {
  return [plain, listening, grandchild, ...(template === undefined ? [] : [template])]
}

async function start(plan: SignalledPlan, before: readonly string[] = []): Promise<Owner> {
  const [command = '', ...args] = [...before, process.execPath, OWNER, JSON.stringify(plan)]
  const owner = runProgram(command, args, {}, true)
  const line = await owner.nextLine()
  if (line === undefined) throw new Error(`The owner ended early: ${JSON.stringify(await owner.ended)}`)
  const report = JSON.parse(line) as SignalledReport
  return { ...owner, report, pids: pidsOf(report) }
}

const signalGroup = (owner: Owner, signal: NodeJS.Signals): boolean => process.kill(-owner.process.pid!, signal)

async function checkGone(pids: readonly number[]): Promise<void> {
  try {
    await until(() => !pids.some(isAlive))
    assert.deepEqual(pids.filter(isAlive), [], 'they live without their owner')
  } finally {
    for (const pid of pids) killIfAlive(pid)
  }
}

for (const startMethod of METHODS) {
  describe(`a group with an owner that handles its signals, start method ${startMethod}`, () => {
    test('its children get each signal as plain Node processes do, and the template stays', LIMIT, async (t) => {
      const owner = await start({ startMethod, onSignal: 'tell' })
      t.after(() => killIfAlive(owner.process.pid))
      for (const signal of GROUP_SIGNALS) {
        signalGroup(owner, signal)
        const lines = [await owner.nextLine(), await owner.nextLine()].sort() // `child SIGINT` and an object
        assert.equal(lines[0], `child ${signal}`)
        const exit = { exitCode: null, signal }
        const wanted: SignalLine = { signal, exit, template: owner.report.template, next: 3 }
        assert.deepEqual(JSON.parse(lines[1]!), JSON.parse(JSON.stringify(wanted)))
        assert.ok(isAlive(owner.report.listening) && isAlive(owner.report.grandchild))
      }
      owner.process.kill('SIGKILL')
      await owner.ended
      await checkGone(owner.pids.filter((pid) => startMethod === 'forkserver' || pid !== owner.report.grandchild))
      killIfAlive(owner.report.grandchild) // SIGNALS.md: nobody is left to end it
    })
  })

  describe(`a group with an owner that does not handle its signals, start method ${startMethod}`, () => {
    for (const signal of GROUP_SIGNALS) {
      test(`${signal} ends all of it`, LIMIT, async () => {
        const owner = await start({ startMethod, onSignal: 'default' })
        signalGroup(owner, signal)
        const ended = await owner.ended
        assert.deepEqual([ended.exitCode, ended.signal], [null, signal])
        await checkGone(owner.pids.filter((pid) => startMethod === 'forkserver' || pid !== owner.report.grandchild))
        killIfAlive(owner.report.grandchild)
      })
    }
  })

  describe(`a service that is stopped, start method ${startMethod}`, () => {
    test('every process gets SIGTERM, the owner closes its server, and nothing is left', LIMIT, async () => {
      const owner = await start({ startMethod, onSignal: 'close' })
      for (const line of [...descendants(owner.process.pid), String(owner.process.pid)])
        signalIfAlive(Number.parseInt(line, 10), 'SIGTERM') // one may have ended by the signal to another
      const ended = await owner.ended
      assert.deepEqual([ended.exitCode, ended.signal], [0, null])
      await checkGone(owner.pids)
    })

    test('only the owner gets SIGTERM, and it closes its server', LIMIT, async () => {
      const owner = await start({ startMethod, onSignal: 'close' })
      owner.process.kill('SIGTERM')
      assert.equal(await owner.nextLine(), 'closed')
      assert.equal((await owner.ended).exitCode, 0)
      await checkGone(owner.pids)
    })
  })
}

test('a signal of the group while the template preloads does not end the template', LIMIT, async (t) => {
  const slow = `console.log('loading'); await new Promise((resolve) => setTimeout(resolve, 300)); export {}`
  const preload = [`data:text/javascript,${slow}`]
  const script = `for (const name of ${JSON.stringify(GROUP_SIGNALS)}) process.on(name, () => {});
    const { ForkServer } = await import('forkserver')
    const server = await ForkServer.start({ preload: ${JSON.stringify(preload)} })
    console.log('started'); await server.close()`
  const owner = runProgram(process.execPath, ['--input-type=module', '-e', script], {}, true)
  t.after(() => killIfAlive(owner.process.pid))
  assert.equal(await owner.nextLine(), 'loading')
  for (const signal of GROUP_SIGNALS) process.kill(-owner.process.pid!, signal)
  assert.equal(await owner.nextLine(), 'started')
  assert.equal((await owner.ended).exitCode, 0)
})

test("a listener that the preload added is its children's, and the template ignores the signal", LIMIT, async (t) => {
  const preload = `process.on('SIGINT', () => { console.log('heard'); process.exit(7) })`
  const script = `process.on('SIGINT', () => {});
    const { ForkServer, Process, program } = await import('forkserver')
    const server = await ForkServer.start({ preload: [${JSON.stringify(`data:text/javascript,${preload}`)}] })
    const start = (code) => new Process(program({ eval: code }), [], { server }).start()
    const p = await start('setInterval(() => {}, 1000); console.log("ready")')
    const { exitCode } = await p.join()
    console.log(exitCode, (await (await start('')).join()).exitCode)
    await server.close()`
  const owner = runProgram(process.execPath, ['--input-type=module', '-e', script], {}, true)
  t.after(() => killIfAlive(owner.process.pid))
  assert.equal(await owner.nextLine(), 'ready')
  process.kill(-owner.process.pid!, 'SIGINT')
  assert.equal(await owner.nextLine(), 'heard')
  assert.equal(await owner.nextLine(), '7 0')
  assert.equal((await owner.ended).exitCode, 0)
})

describe('a terminal that closes', {
  skip:
    spawnSync('script', ['--version'], { stdio: 'ignore' }).status !== 0 &&
    'script(1) makes the terminal, and is not here',
}, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-hangup-'))
  after(() => rmSync(folder, { recursive: true }))
  let count = 0

  async function startInTerminal(onSignal: SignalledPlan['onSignal']) {
    const file = path.join(folder, `lines-${++count}`)
    const plan: SignalledPlan = { startMethod: 'forkserver', onSignal, file }
    const command = `'${process.execPath}' '${OWNER}' '${JSON.stringify(plan)}'`
    const terminal = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'ignore', 'inherit'] })
    const lines = (): string[] => {
      try {
        return readFileSync(file, 'utf8').split('\n').slice(0, -1)
      } catch {
        return [] // it is not there yet
      }
    }
    assert.ok(await until(() => lines().length > 0, LIMIT.timeout / 2))
    return { terminal, lines, report: JSON.parse(lines()[0]!) as SignalledReport }
  }

  test('ends an owner that does not handle SIGHUP, and with it all of its processes', LIMIT, async () => {
    const { terminal, report } = await startInTerminal('default')
    terminal.kill('SIGKILL')
    await checkGone([report.pid, ...pidsOf(report)])
  })

  test('does not end the template of an owner that handles SIGHUP', LIMIT, async (t) => {
    const { terminal, lines, report } = await startInTerminal('close')
    t.after(() => killIfAlive(report.pid))
    terminal.kill('SIGKILL')
    assert.ok(await until(() => lines().includes('closed')))
    await checkGone([report.pid, ...pidsOf(report)])
  })
})

describe('a container', {
  skip: (!isRoot || spawnSync('unshare', ['--pid', '--fork', 'true']).status !== 0) && 'unshare(1) needs root here',
}, () => {
  const UNSHARE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
  // Passes SIGTERM on, as `docker run --init` does.
  const INIT = 'trap "kill -TERM \\$pid" TERM; "$@" & pid=$!; wait $pid; wait $pid'

  for (const [name, before] of [
    ['without an init, whose process 1 is the owner', UNSHARE],
    ['with an init', [...UNSHARE, 'sh', '-c', INIT, 'init']],
  ] as const) {
    const startInside = async (): Promise<Owner & { inside: number[]; first: number }> => {
      const owner = await start({ startMethod: 'forkserver', onSignal: 'close' }, before)
      const inside = descendants(owner.process.pid).map((line) => Number.parseInt(line, 10))
      return { ...owner, inside, first: Math.min(...inside) }
    }

    test(`${name}: SIGTERM to its first process closes the server, and nothing is left`, LIMIT, async (t) => {
      const owner = await startInside()
      t.after(() => killIfAlive(owner.process.pid))
      process.kill(owner.first, 'SIGTERM')
      assert.equal(await owner.nextLine(), 'closed')
      const { exitCode, signal } = await owner.ended
      assert.deepEqual([exitCode, signal], [0, null])
      await checkGone(owner.inside)
    })

    test(`${name}: the end of its first process ends everything in it`, LIMIT, async (t) => {
      const owner = await startInside()
      t.after(() => killIfAlive(owner.process.pid))
      process.kill(owner.first, 'SIGKILL')
      await owner.ended
      await checkGone(owner.inside)
    })
  }
})
