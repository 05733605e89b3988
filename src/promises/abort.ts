// Runs in: owner, and each process with a connection. The error of a call whose AbortSignal was aborted. Pure.

/** The error of a process that was aborted. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('It was ended because its signal was aborted.', { cause: signal.reason })
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' })
}
