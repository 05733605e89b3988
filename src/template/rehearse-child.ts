// Runs in: template. Runs once, on a stand-in for the process, the code that every child runs from its birth
// to its exit. V8 compiles a function at its first call. The functions that are called here are compiled for
// all children, which saves each of them 2 ms.
import { EventEmitter } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { beBorn } from '../child/birth.js'
import type { LeavingProcess } from '../child/leave.js'
import { openPracticeJob } from '../child/practice-job.js'
import type { Native } from '../platform/native.js'
import streams from './stream-stand-ins.cjs'

// The result of the job takes a few turns of promises, all within one turn of the loop.
const TURNS = 3

class StandIn extends EventEmitter {
  readonly pid = process.pid
  exitCode: number | undefined = undefined
  _kill(): void {}
  exit(): void {}
  reallyExit(): void {}
  setUncaughtExceptionCaptureCallback(): void {}
  hasUncaughtExceptionCaptureCallback(): boolean {
    return false
  }
}

/** Sends a small job through a socket pair, runs it as a child would, and lets the stand-in leave. */
export async function rehearse(native: Native, { isSpare }: { isSpare: boolean }): Promise<void> {
  const practice = openPracticeJob(native, { cwd: process.cwd(), env: { set: {}, unset: [] } })
  const standIn = new StandIn() as unknown as LeavingProcess
  const idle = {
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
  }
  beBorn(
    standIn,
    idle,
    { channel: practice.channelFd, isSpare },
    {
      countFork: () => {},
      ownStreams: streams.rehearseStreams,
      runOnFork: async () => {},
      coverage: { begin: () => {}, write: () => {} },
    },
  )
  for (let turn = 0; turn < TURNS; turn++) await nextTurn()
  standIn.emit('exit', 0)
  practice.close()
}
