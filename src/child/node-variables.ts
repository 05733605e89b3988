// Runs in: child, however it was born. Variables that Node reads only at its start. Some of them
// can be applied later, too.
import { Buffer } from 'node:buffer' // a program may delete the global one
import Module from 'node:module'
import { findNative } from '../platform/native.js'
import { localeOf } from '../wire/environment.js'

/** Applies those of Node's variables that changed, as far as Node allows. wire/environment.ts lists the others. */
export function rereadVariables(changed: readonly string[]): void {
  if (changed.includes('NODE_PATH')) (Module as unknown as { _initPaths(): void })._initPaths()
  if (changed.some((name) => ['LC_ALL', 'LC_MESSAGES', 'LANG'].includes(name))) followLocale()
  // Node's own listener prints the warnings. A listener that the preload added stays.
  if (changed.includes('NODE_NO_WARNINGS') && process.env.NODE_NO_WARNINGS === '1') {
    for (const listener of process.listeners('warning')) {
      if (listener.name === 'onWarning') process.off('warning', listener)
    }
  }
}

// ICU reads the locale when Node starts, and V8 when a program first asks for it. A Node without Intl has no locale.
function followLocale(): void {
  const { icu } = process.versions
  const found = findNative()
  if (icu && 'native' in found)
    found.native.setLocale(Buffer.from(`${localeOf(process.env)}\0`), Number.parseInt(icu, 10))
}
