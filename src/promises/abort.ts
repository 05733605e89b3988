// Runs in: owner, and wherever a connection is. What a call rejects with when its AbortSignal is aborted. Pure.

/** What a process that was aborted rejects with. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('It was ended because its signal was aborted.', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}
