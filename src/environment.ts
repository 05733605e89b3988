// Runs in: owner and child. What a child's environment is, told as a change of its template's. Pure.
import type { EnvironmentChange } from './job.js'

/** The change that makes `wanted` of `base`, or undefined if there is none. */
export function changeOf(base: NodeJS.ProcessEnv, wanted: NodeJS.ProcessEnv): EnvironmentChange | undefined {
  const set: Record<string, string> = {}
  // process.env asks the C library for every variable: each is read once, because this runs for every process.
  const kept = new Set<string>()
  let isChanged = false
  for (const [name, value] of Object.entries(wanted)) {
    if (value === undefined) continue
    kept.add(name)
    if (base[name] === value) continue
    set[name] = value
    isChanged = true
  }
  const unset = Object.keys(base).filter((name) => base[name] !== undefined && !kept.has(name))
  return isChanged || unset.length > 0 ? { set, unset } : undefined
}
