// Runs in: owner. Waits for the end of a process, but not for longer than the caller wants.

import { ChildError } from '../../errors.js'
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import { inMilliseconds } from '../../promises/duration.js'
import type { Exit } from '../launch/exit.js'

/**
 * @param timeout in milliseconds
 * @throws ChildError ERR_TIMEOUT; the error that `ended` rejects with
 */
export async function joinWithin(timeout: number, ended: Promise<Exit>, pid: number | undefined): Promise<Exit> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const what = pid === undefined ? 'A process' : `Process ${pid}`
    const text = `${what} did not end within ${inMilliseconds(timeout)} and still runs. Join again, or call kill().`
    timer = setTimeout(() => reject(new ChildError('ERR_TIMEOUT', text, { pid })), timeout)
  })
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
}
