// Runs in: the test runner. A child ends as a plain Node process does that runs the same code: same exit code, signal
// and output.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Process, type Reference } from 'forkserver'
import { contract, type Ended, exits, follow, handlers, read } from './contract.js'

const PLAIN = fileURLToPath(new URL('../fixtures/contract/plain.js', import.meta.url))

// Node (or V8) prints addresses and a native stack; only the way out is compared.
const NOISY = ['aborts']

const SCENARIOS: readonly Reference<() => unknown>[] = [
  exits.returns,
  exits.setsExitCode,
  exits.exitsAtOnce,
  exits.exitsWithItsExitCode,
  exits.exitsBelowZero,
  exits.exitsAboveAByte,
  exits.exitsWithAString,
  exits.exitsReally,
  exits.exitsInATimer,
  exits.worksOnAfterItsResult,
  exits.neverSettles,
  exits.goesOnFromBeforeExit,
  exits.warns,
  exits.listensInOrder,
  exits.listensToExit,
  exits.changesCodeInListener,
  exits.changesCodeInListenerAfterExit,
  exits.exitsInsideListener,
  exits.throwsInsideListener,
  exits.addsListenersLate,
  exits.throwsInATimer,
  exits.throwsAfterItsResult,
  exits.throwsText,
  exits.throwsUndefined,
  exits.throwsWithExitCode,
  exits.throwsAndListens,
  exits.throwsAndChangesCode,
  exits.throwsAndExitsInsideListener,
  exits.throwsAndThrowsInsideListener,
  exits.rejectsUnhandled,
  exits.rejectsUnhandledText,
  handlers.handlesUncaught,
  handlers.exitsFromHandler,
  handlers.throwsFromHandler,
  handlers.monitorsUncaught,
  handlers.capturesUncaught,
  handlers.throwsFromCapture,
  handlers.handlesRejection,
  handlers.handlesOnceThenDies,
  handlers.signalExitAndEnds,
  handlers.signalExitAndExits,
  handlers.signalExitAndThrows,
  handlers.signalExitAndTerminates,
  handlers.signalExitTwice,
  handlers.signalExitUnloaded,
  handlers.aborts,
  handlers.terminatesItself,
  handlers.killsItself,
  handlers.handlesSignal,
  handlers.handlesSignalOnce,
  handlers.exitsFromSignalHandler,
]

type Ending = Pick<Ended, 'exit' | 'stdout' | 'stderr'>

async function runPlainly({ module, name }: Reference): Promise<Ending> {
  const child = spawn(process.execPath, [PLAIN, module, name], { stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = new Promise<Ended['exit']>((resolve) => {
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  const [stdout, stderr, exit] = await Promise.all([read(child.stdout), read(child.stderr), exited])
  return { exit, stdout, stderr: withoutPid(stderr, child.pid!) }
}

/**
 * What differs by nature: the pid, and where emit and the capture callback are ours in a forked child, one frame of
 * ours in the stack of an error that such a function throws, and that function's name.
 */
function withoutPid(text: string, pid: number): string {
  const named = text.replaceAll(`(node:${pid})`, '(node:PID)').replaceAll('Object.captureFn', 'Object.<anonymous>')
  return named.replace(/^ +at .*\/dist\/child\/(?:leave|watch-emit)\.js:.*\n/gm, '')
}

const plainly = new Map<Reference, Promise<Ending>>()

/** What plain Node does: asked once for all ways. */
function expected(reference: Reference): Promise<Ending> {
  const known = plainly.get(reference) ?? runPlainly(reference)
  plainly.set(reference, known)
  return known
}

describe('the comparison', () => {
  test('plain Node does something different for the scenarios', async () => {
    assert.deepEqual((await expected(exits.setsExitCode)).exit, { exitCode: 7, signal: null })
    const { exit, stderr } = await expected(exits.throwsInATimer)
    assert.deepEqual(exit, { exitCode: 1, signal: null })
    assert.match(stderr, /exits\.js:\d+\n.*\n\s+\^\n[\s\S]*RangeError: late[\s\S]*\n\nNode\.js v/)
    assert.equal((await expected(handlers.killsItself)).exit.signal, 'SIGKILL')
  })
})

contract('ends as plain Node does', (site) => {
  for (const scenario of SCENARIOS) {
    test(scenario.name, async () => {
      const plain = await expected(scenario)
      const ended = await follow(scenario, [], { server: site.server })
      const { exit, stdout } = ended
      const stderr = withoutPid(ended.stderr, ended.pid)
      if (NOISY.includes(scenario.name)) assert.deepEqual(exit, plain.exit)
      else assert.deepEqual({ exit, stdout, stderr }, plain)
    })
  }

  // Node's teardown begins behind such a handler; in a forked child of Node 20 it joined a living thread, not every
  // time.
  test('twenty children whose handler throws end, each with 7', async () => {
    const options = { server: site.server, stdio: 'ignore' as const }
    const all = Array.from({ length: 20 }, () => new Process(handlers.throwsFromHandler, [], options))
    for (const p of all) await p.start()
    for (const p of all) assert.equal((await p.join()).exitCode, 7)
    await Promise.allSettled(all.map((p) => p.result))
  })
})
