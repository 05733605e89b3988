// Runs in: owner. What an AbortSignal does to a process that is being started.
import { abortError } from '../../promises/abort.js'
import type { Launched } from '../launch/launcher.js'

/** The launch, or an AbortError as soon as the signal is aborted; a process that is born after that is killed. */
export async function orAbort(launching: Promise<Launched>, signal: AbortSignal | undefined): Promise<Launched> {
  if (!signal) return launching
  let abort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortError(signal))
    signal.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([launching, aborted])
  } catch (error) {
    launching.then(
      (late) => late.kill('SIGKILL'),
      () => {},
    )
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
