// Runs in: template. Runs, on a stand-in for the process, the code that every child runs from its birth to its exit
// (rehearse.ts says how often). V8 compiles a function at its first call. The functions that are called here are
// compiled for all children, which saves each of them 2 ms.
import { EventEmitter } from 'node:events'
import { setImmediate } from 'node:timers'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { runOnFork } from '../child/api/fork-hooks.js'
import { beBorn, birthNative } from '../child/birth.js'
import { Coverage } from '../child/coverage.js'
import { openPracticeJob } from '../child/practice-job.js'
import type { Native } from '../platform/native.js'
import { coders } from '../wire/values/clone.js'
import streams from './stream-stand-ins.cjs'

// The result of the job takes a few turns of promises, all within one turn of the loop.
const TURNS = 3

class StandIn extends EventEmitter {
  readonly pid = process.pid
  readonly env = {}
  exitCode: number | undefined = undefined
  _kill(): void {}
  exit(): void {
    this.emit('exit', 0)
    this.reallyExit()
  }
  reallyExit(): void {}
  setUncaughtExceptionCaptureCallback(): void {}
  hasUncaughtExceptionCaptureCallback(): boolean {
    return false
  }
}

/**
 * Sends a small job through a socket pair, runs it as a child would, and lets the stand-in leave: by process.exit() if
 * it was a spare, else because it has nothing left to do.
 *
 * @returns what it used
 */
export async function rehearse(native: Native, { isSpare }: { isSpare: boolean }): Promise<unknown> {
  const practice = openPracticeJob(native, { cwd: process.cwd(), env: { set: {}, unset: [] } })
  const standIn = new StandIn()
  const idle = birthNative({
    inheritLifeline: () => 0,
    processId: () => process.pid,
    checkBorn: () => 0,
    leave: (() => {}) as () => never,
    leaveLater: () => {},
    leaveInTeardown: () => {},
    flushStream: () => 0,
    writeOut: () => 0,
    beginSpare: () => 0,
    poll: native.poll,
    socketPair: native.socketPair,
    close: native.close,
    receive: native.receive,
  })
  beBorn(
    standIn,
    idle,
    { channel: practice.channelFd, isSpare },
    {
      countFork: () => {},
      ownStreams: streams.rehearseStreams,
      runOnFork: () => runOnFork([]),
      coverage: new Coverage(),
    },
  )
  for (let turn = 0; turn < TURNS; turn++) await nextTurn()
  if (isSpare) standIn.exit()
  else standIn.emit('exit', process.exitCode ?? 0) // a getter of Node's, which each child would compile
  practice.close()
  // The stand-in holds the rest: its functions were replaced by those of the objects that a birth makes.
  return [standIn, setImmediate(() => {}), coders()]
}
