// Runs in: owner and child. Which test files ask for a context of their own.
import { readFileSync } from 'node:fs'

/** Whether a test file asks for something that a prepared context does not have. One that cannot be read does. */
export function wantsOwnContext(path: string): boolean {
  try {
    return path.endsWith('.mjs') || readFileSync(path, 'utf8').includes('@jest-environment')
  } catch {
    return true
  }
}
