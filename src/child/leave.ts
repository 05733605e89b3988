// Runs in: forked child; and once in the template, as a rehearsal. How a forked child ends: the 'exit' event with all its listeners,
// then _exit with the right code.
//
// Node's own teardown must not run in a forked child (docs/FORK_SAFETY.md): it joins threads that did not survive the fork. There
// are four ways into it, and each is turned off before it:
//   - the loop is empty: Node emits 'exit' from C++, and when the outermost call of emit is over, we leave;
//   - process.exit(): it emits 'exit' and then calls process.reallyExit(), which leaves;
//   - an uncaught error: Node emits 'exit', then prints the error in C++, then runs its at-exit callbacks, and the addon's leaves;
//   - an error in a handler of uncaught errors: Node prints it in C++ and begins its teardown; the addon leaves at the first join.
import os from 'node:os'
import type { Native } from '../platform/native.js'

/** Node's exit code where a handler of uncaught errors throws (its documentation: process, exit codes). */
const HANDLER_THREW = 7

// Kept, because a program may replace it.
const { apply } = Reflect

type Emit = (this: object, ...args: unknown[]) => boolean

/** What of `process` an exit needs. The template rehearses an exit on a stand-in. */
export type LeavingProcess = Pick<
  NodeJS.Process,
  'pid' | 'listenerCount' | 'hasUncaughtExceptionCaptureCallback' | 'setUncaughtExceptionCaptureCallback' | 'exitCode'
> & {
  emit(event: string, ...args: unknown[]): boolean
  exit(code?: number): void
  reallyExit(code?: number): void
  /** Runs what waits in process.nextTick() and in promises. */
  _tickCallback?(): void
  /** Whether 'exit' was emitted, or is about to be. */
  _exiting?: boolean
  /** What process.kill() calls. */
  _kill(pid: number, signal: number): unknown
}

interface ExitHooks {
  /** Called once with an uncaught error that will end the process. */
  onFatal(error: unknown): void
  /** Called once, where Node would run its at-exit callbacks: behind the 'exit' listeners, and where a signal to itself ends it. */
  atExit(): void
  /** Called where nothing more will be written, behind the 'exit' listeners. */
  flush(): void
  /** Called once, with the exit code, after that. */
  onLeaving(exitCode: number): void
}

/** A program may have broken what a last word stands on. It leaves all the same, and the owner hears of its exit. */
function say(word: () => void): void {
  try {
    word()
  } catch {}
}

/** Gives a function that stands in for one of Node's the name and the length of that. */
function disguise(ours: object, nodes: { name: string; length: number }): void {
  for (const key of ['name', 'length'] as const)
    Object.defineProperty(ours, key, { value: nodes[key], configurable: true })
}

/** Whether a signal ends the process that sends it, as far as Node itself looks: it runs its at-exit callbacks first. */
function endsItself(self: LeavingProcess, pid: number, signal: number): boolean {
  if (signal <= 0 || (pid !== 0 && pid !== -1 && pid !== self.pid && pid !== -self.pid)) return false
  const name = Object.entries(os.constants.signals).find(([, number]) => number === signal)?.[0]
  return name === undefined || self.listenerCount(name) === 0
}

/** Takes over every normal way out of this process. */
export function takeOverExit(
  self: LeavingProcess,
  native: Pick<Native, 'leave' | 'leaveLater' | 'leaveInTeardown'>,
  hooks: ExitHooks,
): void {
  let isFatal = false
  let isHandled = false
  let isCalled = false
  let isFinished = false
  let isTold = false

  const finish = (): void => {
    if (!isFinished) say(() => hooks.atExit())
    isFinished = true
  }

  const tell = (code: unknown): number => {
    const exitCode = Number(self.exitCode ?? code ?? 0) & 0xff
    finish()
    if (!isTold) {
      say(() => hooks.flush())
      say(() => hooks.onLeaving(exitCode))
    }
    isTold = true
    return exitCode
  }

  const afterExit = (code: unknown): void => {
    // Node has yet to print the error; the addon leaves behind that, from one of Node's at-exit callbacks.
    if (isFatal) native.leaveLater(tell(code))
    if (isFatal || isCalled) return // process.exit() calls process.reallyExit() next
    self._tickCallback?.() // Node does that behind the listeners, where it is not process.exit() that called them
    native.leave(tell(code))
  }

  // Node emits 'uncaughtExceptionMonitor' for every error, first of all. No listener of ours: a program can see and remove those.
  const beforeMonitors = (error: unknown): void => {
    isHandled = self.listenerCount('uncaughtException') > 0 || self.hasUncaughtExceptionCaptureCallback()
    if (isHandled) return
    isFatal = true
    native.leaveLater(Number(self.exitCode ?? 1) & 0xff) // an 'exit' listener threw it, and 'exit' is not emitted twice
    if (self._exiting) finish()
    say(() => hooks.onFatal(error))
  }

  const leaveAs = (exitCode: number): void => {
    say(() => hooks.onLeaving(exitCode))
    native.leaveInTeardown(exitCode)
  }

  // Node calls a handler of uncaught errors and, if that throws, prints what it threw and tears down.
  const leaveBehindHandler = (): void => {
    if (!isHandled) return
    isHandled = false
    leaveAs(HANDLER_THREW)
  }

  // Listeners added later run before we leave, and so do those of packages that replace process.emit (signal-exit does): such a
  // replacement is wrapped again, so that the outermost call is always ours.
  const leaveAfter = (emit: Emit): Emit => {
    // No spreading and no for-of on the way out: a program may have broken the iterators of arrays.
    const wrapped: Emit = function (this: object, ...args) {
      const event = args[0]
      const isOurs = this === self && outermost === wrapped
      let hasThrown = true
      if (isOurs && event === 'uncaughtExceptionMonitor') beforeMonitors(args[1])
      try {
        const hadListeners = apply(emit, this, args) as boolean
        hasThrown = false
        if (isOurs && event === 'exit') afterExit(args[1])
        return hadListeners
      } finally {
        // Not `catch`: of an error that is thrown again Node prints another line of source.
        if (hasThrown && event === 'uncaughtException') leaveBehindHandler()
        if (hasThrown && isOurs && event === 'uncaughtExceptionMonitor') leaveAs(HANDLER_THREW)
      }
    }
    return wrapped
  }
  const base = leaveAfter(self.emit as Emit)
  disguise(base, self.emit)
  let outermost = base
  Object.defineProperty(self, 'emit', {
    configurable: true,
    enumerable: false,
    get: () => outermost,
    set: (emit: Emit) => {
      outermost = emit === base ? base : leaveAfter(emit)
      if (outermost !== base) disguise(outermost, emit)
    },
  })
  const setCapture = self.setUncaughtExceptionCaptureCallback
  self.setUncaughtExceptionCaptureCallback = function setUncaughtExceptionCaptureCallback(capture) {
    const watched = function (this: unknown, error: Error): void {
      let hasThrown = true
      try {
        apply(capture!, this, [error])
        hasThrown = false
      } finally {
        if (hasThrown) leaveBehindHandler()
      }
    }
    apply(setCapture, self, [typeof capture === 'function' ? watched : capture])
  }
  const nodesKill = self._kill
  self._kill = (pid, signal) => {
    if (endsItself(self, pid, signal)) finish()
    return apply(nodesKill, self, [pid, signal])
  }
  disguise(self._kill, nodesKill)
  const nodesExit = self.exit
  self.exit = function exit(...args) {
    isCalled = true
    try {
      apply(nodesExit, self, args)
    } finally {
      isCalled = false // it threw: the code was none, or a listener did
    }
  }
  disguise(self.exit, nodesExit)
  const nodesReallyExit = self.reallyExit
  // Also called by an 'exit' listener that calls process.exit(), behind an uncaught error too: it prints nothing then.
  self.reallyExit = (code) => native.leave(tell(code))
  disguise(self.reallyExit, nodesReallyExit)
}
