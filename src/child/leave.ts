// Runs in: forked child. How a forked child ends: the 'exit' event with all its listeners, then _exit with the right code.
//
// Node's own teardown must not run in a forked child (docs/FORK_SAFETY.md): it joins threads that did not survive the fork. There
// are three ways into it, and each is turned off before it:
//   - the loop is empty, or process.exit(): Node emits 'exit', and whoever called emit last leaves;
//   - process.reallyExit(), which process.exit() calls from inside an 'exit' listener;
//   - an uncaught error: Node emits 'exit', then prints the error in C++, then runs its at-exit callbacks, and the addon's leaves.
import type { Native } from '../native.js'

type Emit = (this: object, event: string | symbol, ...args: unknown[]) => boolean

/** What of `process` an exit needs. The template rehearses an exit on a stand-in. */
export type LeavingProcess = Pick<
  NodeJS.Process,
  'on' | 'listenerCount' | 'hasUncaughtExceptionCaptureCallback' | 'exitCode'
> & {
  emit(event: string, ...args: unknown[]): boolean
  reallyExit(code?: number): void
}

interface ExitHooks {
  /** Called once with an uncaught error that will end the process. */
  onFatal(error: unknown): void
  /** Called once, with the exit code, after the 'exit' listeners. */
  onLeaving(exitCode: number): void
}

/** Takes over every normal way out of this process. */
export function takeOverExit(
  self: LeavingProcess,
  native: Pick<Native, 'leave' | 'leaveLater'>,
  hooks: ExitHooks,
): void {
  let isFatal = false

  const finish = (code: unknown): void => {
    const exitCode = Number(self.exitCode ?? code ?? 0) & 0xff
    hooks.onLeaving(exitCode)
    // Node has yet to print the error; the addon leaves behind that, from one of Node's at-exit callbacks.
    if (isFatal) native.leaveLater(exitCode)
    else native.leave(exitCode)
  }

  self.on('uncaughtExceptionMonitor', (error) => {
    if (self.listenerCount('uncaughtException') > 0 || self.hasUncaughtExceptionCaptureCallback()) return
    isFatal = true
    hooks.onFatal(error)
  })

  // Listeners added later run before we leave, and so do those of packages that replace process.emit (signal-exit does): such a
  // replacement is wrapped again, so that the outermost call is always ours.
  const nodesEmit = self.emit as Emit
  const leaveAfter = (emit: Emit): Emit =>
    function (event, ...args) {
      const hadListeners = Reflect.apply(emit, this, [event, ...args]) as boolean
      if (event === 'exit' && this === self && self.emit === outermost) finish(args[0])
      return hadListeners
    }
  let outermost = leaveAfter(nodesEmit)
  const base = outermost
  Object.defineProperty(self, 'emit', {
    configurable: true,
    enumerable: false,
    get: () => outermost,
    set: (emit: Emit) => {
      outermost = emit === base ? base : leaveAfter(emit)
    },
  })
  self.reallyExit = (code) => finish(code)
}
