// Runs in: owner. Any number of listeners for one AbortSignal. Pure.
//
// A program may give one signal to a thousand tasks. From the eleventh listener of a signal on, Node warns of a
// leak. So all listeners of forkserver share one.

const listenersOf = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Calls a listener once when a signal is aborted. If the signal is aborted already, the listener is not called.
 *
 * @param listener must not throw
 * @returns a function that removes the listener
 * @example
 * const forget = onAbort(signal, () => task.kill())
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const listeners = listenersOf.get(signal) ?? listen(signal)
  const entry = (): void => listener() // a function that is added twice counts twice
  listeners.add(entry)
  return () => {
    listeners.delete(entry)
    if (listeners.size === 0) stopListening(signal, listeners)
  }
}

const stopListening = (signal: AbortSignal, listeners: Set<() => void>): void => {
  if (listenersOf.get(signal) !== listeners) return
  listenersOf.delete(signal)
  signal.removeEventListener('abort', abortOf.get(listeners)!)
}

const abortOf = new WeakMap<Set<() => void>, () => void>()

function listen(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>()
  const abort = (): void => {
    listenersOf.delete(signal)
    for (const listener of listeners) listener() // a listener that is removed meanwhile is not called
  }
  listenersOf.set(signal, listeners)
  abortOf.set(listeners, abort)
  signal.addEventListener('abort', abort, { once: true })
  return listeners
}
