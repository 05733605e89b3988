// Runs in: forked child; and once in the template, as a rehearsal. The first JavaScript of a child. It turns a
// copy of the template into a process of its own.
import type { Native } from '../platform/native.js'
import type { Coverage } from './coverage.js'
import { type ExecProcess, keepLifelineOverExec } from './execve.js'
import { flushOutput, type WritingProcess } from './flush-output.js'
import { makeOwnChannel } from './job-channel.js'
import { type LeavingProcess, takeOverExit } from './leave.js'
import { runJob, sendModules, sendThrown } from './run-job.js'
import { practise, receiveWithStdio } from './spare.js'

/** The functions of the addon that a child uses before its job. */
export type BirthNative = Pick<
  Native,
  | 'inheritLifeline'
  | 'processId'
  | 'checkBorn'
  | 'leave'
  | 'leaveLater'
  | 'leaveInTeardown'
  | 'flushStream'
  | 'writeOut'
  | 'poll'
  | 'receive'
  | 'beginSpare'
  | 'socketPair'
  | 'close'
>

/** These functions, as an object that V8 gives one hidden class: a rehearsal has others in it. */
export function birthNative(from: BirthNative): BirthNative {
  return {
    inheritLifeline: from.inheritLifeline,
    processId: from.processId,
    checkBorn: from.checkBorn,
    leave: from.leave,
    leaveLater: from.leaveLater,
    leaveInTeardown: from.leaveInTeardown,
    flushStream: from.flushStream,
    writeOut: from.writeOut,
    poll: from.poll,
    receive: from.receive,
    beginSpare: from.beginSpare,
    socketPair: from.socketPair,
    close: from.close,
  }
}

/** What the template has prepared for its children, and the callbacks of modules (api/fork-hooks.ts). */
export interface ForkHooks {
  countFork(): void
  /** Makes the standard streams this child's own. */
  ownStreams(): void
  runOnFork(): Promise<void>
  coverage: Pick<Coverage, 'begin' | 'write'>
}

/**
 * Turns this fork into the child that owns this job channel. A spare waits here until its job comes. The job runs in
 * the next turn of the event loop.
 */
export function beBorn(
  self: LeavingProcess & ExecProcess & Pick<NodeJS.Process, 'env'>,
  native: BirthNative,
  { channel: channelFd, isSpare }: { channel: number; isSpare: boolean },
  hooks: ForkHooks,
): void {
  // Two siblings must not draw the same numbers. This checks that V8 uses the fresh bits (native/fork/random.c).
  native.checkBorn(Math.random())
  hooks.countFork()
  hooks.ownStreams()
  // Node reads the pid once and keeps it as plain data, so a child would have that of the template.
  Object.defineProperty(self, 'pid', {
    value: native.processId(),
    enumerable: true,
    configurable: true,
    writable: false,
  })
  const channel = makeOwnChannel(channelFd)
  takeOverExit(self, native, {
    onFatal: (error) => sendThrown(channel, error),
    atExit: () => hooks.coverage.write(),
    flush: () => flushOutput(native, process as unknown as WritingProcess),
    onLeaving: (exitCode) => {
      sendModules(channel)
      channel.send('leaving', Uint8Array.of(exitCode))
    },
  })
  keepLifelineOverExec(self, native)
  const prepare = (): Promise<void> => {
    hooks.coverage.begin(self.env)
    return hooks.runOnFork()
  }
  const start = (): void => {
    const job = isSpare ? channel.readJob((into) => receiveWithStdio(native, channelFd, into)) : channel.readJob()
    const isWanted = job && (channel.sayBegun(self.pid) || job.head.detached)
    if (!isWanted) native.leave(0)
    else void runJob(self, channel, job.head, job.args, prepare)
  }
  // In a new turn of the event loop, where the stack and the async context are empty.
  const startSoon = (): void => void setImmediate(start)
  if (isSpare) void practise(native).then(startSoon, startSoon)
  else startSoon()
}
