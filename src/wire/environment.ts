// Runs in: owner and child. A child's environment, as a change of its template's environment. Pure.
import type { EnvironmentChange } from './job.js'

/** The change from `base` to `wanted`, or undefined if they are equal. */
export function changeOf(base: NodeJS.ProcessEnv, wanted: NodeJS.ProcessEnv): EnvironmentChange | undefined {
  const set: Record<string, string> = {}
  // This runs for every process, and process.env asks the C library for every variable. Object.entries() would ask
  // three times for each: for its name, whether it can be enumerated, and its value.
  const kept = new Set<string>()
  let isChanged = false
  for (const name of Object.getOwnPropertyNames(wanted)) {
    const value = wanted[name]
    if (value === undefined) continue
    kept.add(name)
    if (base[name] === value) continue
    set[name] = value
    isChanged = true
  }
  const unset = Object.keys(base).filter((name) => base[name] !== undefined && !kept.has(name))
  return isChanged || unset.length > 0 ? { set, unset } : undefined
}

/**
 * Variables that Node reads at its start and that cannot be changed in a forked child. Node splits
 * NODE_OPTIONS into options before any JavaScript runs. Each of the others sets an option, a path or a
 * switch inside Node that no interface can change.
 */
export const START_VARIABLES: readonly string[] = [
  'NODE_OPTIONS',
  'NODE_DEBUG',
  'NODE_PENDING_DEPRECATION',
  'NODE_REDIRECT_WARNINGS',
  'NODE_EXTRA_CA_CERTS',
  'NODE_USE_SYSTEM_CA',
  'NODE_USE_ENV_PROXY',
  'NODE_COMPILE_CACHE',
  'NODE_PRESERVE_SYMLINKS',
]

/**
 * The START_VARIABLES that differ between a child's environment and its template's. Node uses the
 * values of the template.
 */
export function unheeded({ set, unset }: EnvironmentChange): string[] {
  return START_VARIABLES.filter((name) => name in set || unset.includes(name))
}

const NO_LOCALE = 'en_US_POSIX'

/**
 * The name that ICU gives the locale of an environment: `de_DE.UTF-8` is `de_DE`, `C` is
 * `en_US_POSIX`, `no_NO@nynorsk` is `no_NO_NY`.
 */
export function localeOf({ LC_ALL, LC_MESSAGES, LANG }: NodeJS.ProcessEnv): string {
  const posix = LC_ALL ?? LC_MESSAGES ?? LANG // an empty one counts, too
  if (posix === undefined) return NO_LOCALE
  const name = /^[^.@]*/.exec(posix)![0]
  if (name === 'C' || name === 'POSIX') return NO_LOCALE
  const modifier = posix.includes('@') ? posix.slice(posix.lastIndexOf('@') + 1).split('.')[0] : ''
  if (!modifier) return name
  return `${name}${name.includes('_') ? '_' : '__'}${modifier === 'nynorsk' ? 'NY' : modifier}`
}
