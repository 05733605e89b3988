// Runs in: forked child; and once in the template, as a rehearsal. Watches the events that Node emits on `process`. It
// adds no listener, because a program can list and remove listeners. Pure: it only replaces process.emit.
import { imitate } from './imitate.js'

// Kept, because a program may replace it.
const { apply } = Reflect

type Emit = (this: object, ...args: unknown[]) => boolean

/** Called for each event that Node emits. */
export interface EmitWatcher {
  /** The listeners are about to be called. */
  before(event: unknown, argument: unknown): void
  /** All listeners have returned. */
  after(event: unknown, argument: unknown): void
  /** A listener threw, and nobody caught the error. */
  threw(event: unknown): void
}

/**
 * Watches every call of `self.emit`. Packages replace process.emit and call the one that they found
 * (signal-exit does), so each replacement is wrapped again: the outermost call is always that of forkserver,
 * and `after` comes when all of them are done.
 */
export function watchEmit(self: { emit(event: string, ...args: unknown[]): boolean }, watcher: EmitWatcher): void {
  const wrap = (emit: Emit): Emit => {
    // No spreading and no for-of on the way out: a program may have broken the iterators of arrays.
    const wrapped: Emit = function (this: object, ...args) {
      const event = args[0]
      const isOutermost = this === self && outermost === wrapped
      let hasThrown = true
      if (isOutermost) watcher.before(event, args[1])
      try {
        const hadListeners = apply(emit, this, args) as boolean
        hasThrown = false
        if (isOutermost) watcher.after(event, args[1])
        return hadListeners
      } finally {
        // Not `catch`: Node prints another line of source for an error that is thrown again.
        if (hasThrown && isOutermost) watcher.threw(event)
      }
    }
    imitate(wrapped, emit)
    return wrapped
  }
  const base = wrap(self.emit as Emit)
  let outermost = base
  Object.defineProperty(self, 'emit', {
    configurable: true,
    enumerable: false,
    get: () => outermost,
    set: (emit: Emit) => {
      outermost = emit === base ? base : wrap(emit)
    },
  })
}
