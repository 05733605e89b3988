// Runs in: child, however it was born. What Node reads from its environment once, at its start, and can be made to read again.
import Module from 'node:module'

/** Makes Node follow those of its variables that changed, as far as it can: docs/FORK_SAFETY.md has the others. */
export function rereadVariables(changed: readonly string[]): void {
  if (changed.includes('NODE_PATH')) (Module as unknown as { _initPaths(): void })._initPaths()
  // Node's own listener prints the warnings; a listener of the preload's stays.
  if (changed.includes('NODE_NO_WARNINGS') && process.env.NODE_NO_WARNINGS === '1') {
    for (const listener of process.listeners('warning')) {
      if (listener.name === 'onWarning') process.off('warning', listener)
    }
  }
}
