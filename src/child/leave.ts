// Runs in: forked child; and once in the template, as a rehearsal. How a forked child ends: the 'exit' event with all
// its listeners, and then _exit() with the right exit code.
//
// Node's own teardown must not run in a forked child (docs/FORK_SAFETY.md): it joins threads that did not survive the
// fork. There are four ways into the teardown. The table shows what Node does on each of them, and where the child
// leaves instead:
//
//   way out                   what Node does                                          the child leaves
//   the event loop is empty   emits 'exit', runs nextTick() and promises, tears down  after promises
//   process.exit()            emits 'exit', calls process.reallyExit()                in process.reallyExit()
//   an uncaught error         emits 'exit', prints it in C++, runs at-exit callbacks  in an at-exit callback
//   a handler of them throws  prints the error in C++, tears down                     at the first join of a thread
import os from 'node:os'
import type { Native } from '../platform/native.js'
import reallyExit from '../platform/really-exit.cjs'
import { type ExitHooks, ExitSteps } from './exit-steps.js'
import { replaceMethod } from './imitate.js'
import { type EmitWatcher, watchEmit } from './watch-emit.js'

/** Node's exit code if a handler of uncaught errors throws (see "Exit codes" in the documentation of process). */
const HANDLER_THREW = 7

// Kept, because a program may replace it.
const { apply } = Reflect

/** What an exit needs of `process`. The template rehearses an exit on a stand-in. */
export type LeavingProcess = Pick<
  NodeJS.Process,
  'pid' | 'listenerCount' | 'hasUncaughtExceptionCaptureCallback' | 'setUncaughtExceptionCaptureCallback' | 'exitCode'
> & {
  emit(event: string, ...args: unknown[]): boolean
  exit(code?: number): void
  reallyExit(code?: number): void
  /** Runs the callbacks that wait in process.nextTick() and in promises. */
  _tickCallback?(): void
  /** Whether 'exit' was emitted, or is about to be. */
  _exiting?: boolean
  /** The function of Node that process.kill() calls. */
  _kill(pid: number, signal: number): unknown
}

type LeavingNative = Pick<Native, 'leave' | 'leaveLater' | 'leaveInTeardown'>

/** Takes over every normal way out of this process. */
export function takeOverExit(self: LeavingProcess, native: LeavingNative, hooks: ExitHooks): void {
  const ways = new WaysOut(self, native, new ExitSteps(hooks))
  watchEmit(self, ways)
  // Each function has its own `try`, so that a stack that the program prints has as few frames of forkserver
  // as possible. No `catch`: see watch-emit.ts.
  replaceMethod(self, 'exit', (exit) => (...args) => {
    const before = ways.beforeExitCall()
    try {
      apply(exit, self, args)
    } finally {
      ways.exitCallFailed(before) // the exit code was not valid, or a listener threw
    }
  })
  const leaveNow = (code?: number): void => ways.leaveNow(code)
  replaceMethod(self, 'reallyExit', () => leaveNow)
  if ((self as object) === process) reallyExit.redirect(leaveNow) // not in a rehearsal
  replaceMethod(self, '_kill', (kill) => (pid, signal) => {
    if (endsItself(self, pid, signal)) ways.beforeOwnSignal()
    return apply(kill, self, [pid, signal])
  })
  replaceMethod(self, 'setUncaughtExceptionCaptureCallback', (setCapture) => (capture) => {
    const watched = function (this: unknown, error: Error): void {
      let hasThrown = true
      try {
        apply(capture!, this, [error])
        hasThrown = false
      } finally {
        ways.afterHandler(hasThrown)
      }
    }
    apply(setCapture, self, [typeof capture === 'function' ? watched : capture])
  })
}

/**
 * Whether a signal that process.kill() sends ends this process, in Node's view. Node then runs its
 * at-exit callbacks first.
 */
function endsItself(self: LeavingProcess, pid: number, signal: number): boolean {
  if (signal <= 0 || (pid !== 0 && pid !== -1 && pid !== self.pid && pid !== -self.pid)) return false
  const name = Object.entries(os.constants.signals).find(([, number]) => number === signal)?.[0]
  return name === undefined || self.listenerCount(name) === 0
}

type WayOut = 'empty loop' | 'process.exit()' | 'uncaught error'

/** Knows which way out this process is taking, and leaves at the right moment. */
class WaysOut implements EmitWatcher {
  readonly #self: LeavingProcess
  readonly #native: LeavingNative
  readonly #steps: ExitSteps
  /** Which way out this process has taken, as far as it is known. */
  #way: WayOut = 'empty loop'
  #isHandling = false

  constructor(self: LeavingProcess, native: LeavingNative, steps: ExitSteps) {
    this.#self = self
    this.#native = native
    this.#steps = steps
  }

  before(event: unknown, argument: unknown): void {
    // Node emits it first of all for each uncaught error.
    if (event === 'uncaughtExceptionMonitor') this.#beforeUncaught(argument)
  }

  after(event: unknown, argument: unknown): void {
    if (event === 'exit') this.#afterExit(argument)
    else if (event === 'uncaughtException') this.afterHandler(false)
  }

  threw(event: unknown): void {
    if (event === 'uncaughtException') this.afterHandler(true)
    else if (event === 'uncaughtExceptionMonitor') this.#leaveInTeardown()
  }

  #beforeUncaught(error: unknown): void {
    const self = this.#self
    this.#isHandling = self.listenerCount('uncaughtException') > 0 || self.hasUncaughtExceptionCaptureCallback()
    if (this.#isHandling) return
    this.#way = 'uncaught error'
    // Here and not later: if an 'exit' listener threw the error, 'exit' is not emitted again.
    this.#native.leaveLater(this.#exitCode(1))
    if (self._exiting) this.#steps.atExit()
    this.#steps.fatal(error)
  }

  #afterExit(code: unknown): void {
    if (this.#way === 'process.exit()') return // it calls process.reallyExit() next
    // Node has yet to print the error.
    if (this.#way === 'uncaught error') return this.#native.leaveLater(this.#finish(code))
    this.#self._tickCallback?.()
    this.leaveNow(code)
  }

  /** A handler of an uncaught error has returned or thrown. */
  afterHandler(hasThrown: boolean): void {
    if (this.#isHandling && hasThrown) this.#leaveInTeardown()
    this.#isHandling = false
  }

  /** process.exit() is called. Returns the way out until then. */
  beforeExitCall(): WayOut {
    const before = this.#way
    this.#way = 'process.exit()'
    return before
  }

  /** process.exit() has thrown: the process goes on. */
  exitCallFailed(before: WayOut): void {
    this.#way = before
  }

  /** Node runs its at-exit callbacks before a process sends itself a signal that ends it. */
  beforeOwnSignal(): void {
    this.#steps.atExit()
  }

  /** Also called if an 'exit' listener calls process.exit(). After an uncaught error Node prints nothing then. */
  leaveNow(code: unknown): void {
    this.#native.leave(this.#finish(code))
  }

  #leaveInTeardown(): void {
    this.#steps.tellLeaving(HANDLER_THREW)
    this.#native.leaveInTeardown(HANDLER_THREW)
  }

  #finish(code: unknown): number {
    const exitCode = this.#exitCode(code)
    this.#steps.all(exitCode)
    return exitCode
  }

  #exitCode(code: unknown): number {
    return Number(this.#self.exitCode ?? code ?? 0) & 0xff
  }
}
