// Runs in: child, however it was born. What Node reads from its environment once, at its start, and can be made to read again.
import { Buffer } from 'node:buffer' // a program may delete the global one
import Module from 'node:module'
import { findNative } from '../platform/native.js'
import { localeOf } from '../wire/environment.js'

/** Makes Node follow those of its variables that changed, as far as it can: environment.ts has the others. */
export function rereadVariables(changed: readonly string[]): void {
  if (changed.includes('NODE_PATH')) (Module as unknown as { _initPaths(): void })._initPaths()
  if (changed.some((name) => ['LC_ALL', 'LC_MESSAGES', 'LANG'].includes(name))) followLocale()
  // Node's own listener prints the warnings; a listener of the preload's stays.
  if (changed.includes('NODE_NO_WARNINGS') && process.env.NODE_NO_WARNINGS === '1') {
    for (const listener of process.listeners('warning')) {
      if (listener.name === 'onWarning') process.off('warning', listener)
    }
  }
}

// ICU notes the locale when Node starts, and V8 when somebody asks for it. Where there is no Intl there is nothing to follow.
function followLocale(): void {
  const { icu } = process.versions
  const found = findNative()
  if (icu && 'native' in found)
    found.native.setLocale(Buffer.from(`${localeOf(process.env)}\0`), Number.parseInt(icu, 10))
}
