// Runs in: child. The job of the trial of `forkserver doctor`.

/** Says in which process it runs. */
export function pid(): number {
  return process.pid
}
