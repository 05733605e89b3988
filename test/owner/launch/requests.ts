// Runs in: the test runner. Requests to launchers.
import type { Reference } from 'forkserver'
import type { LaunchRequest } from '#src/owner/launch/launcher.js'
import { encodeValue } from '#src/wire/values/clone.js'

/** Asks for a process that calls this function. */
export function requestOf(
  { module, name }: Reference,
  args: unknown[],
  changes: Partial<LaunchRequest> = {},
): LaunchRequest {
  return {
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: false,
    killTree: false,
    cwd: process.cwd(),
    env: process.env,
    head: { module, name },
    args: encodeValue(args, 'arguments'),
    ...changes,
  }
}
