// Runs in: template. Ends the process and the thread that esbuild keeps for its next call. TypeScript loaders (tsx)
// and programs start them when they compile something, and a template cannot be forked while they run. esbuild starts
// new ones when it is called again, in a child.
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

const MAIN_FILE = /[\\/]esbuild[\\/]lib[\\/]main\.js$/
/**
 * How often, and for how long, to check whether they have ended, in milliseconds. After that the
 * fork check reports those that are left.
 */
const INTERVAL_MS = 2
const LIMIT_MS = 2_000

/** @param isLeft returns whether anything still stands against a fork */
export async function stopEsbuild(isLeft: () => boolean): Promise<void> {
  const { cache } = createRequire(import.meta.url)
  const loaded = Object.keys(cache).filter((file) => MAIN_FILE.test(file))
  if (loaded.length === 0 || !isLeft()) return
  for (const file of loaded) (cache[file]!.exports as { stop?(): unknown }).stop?.()
  for (let waited = 0; waited < LIMIT_MS && isLeft(); waited += INTERVAL_MS) await sleep(INTERVAL_MS)
}
