// Runs in: owner and child. What a child's environment is, told as a change of its template's. Pure.
import type { EnvironmentChange } from './job.js'

/** The change that makes `wanted` of `base`, or undefined if there is none. */
export function changeOf(base: NodeJS.ProcessEnv, wanted: NodeJS.ProcessEnv): EnvironmentChange | undefined {
  const set: Record<string, string> = {}
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined && base[name] !== value) set[name] = value
  const unset = Object.keys(base).filter((name) => wanted[name] === undefined)
  return Object.keys(set).length > 0 || unset.length > 0 ? { set, unset } : undefined
}
