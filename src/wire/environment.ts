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

/**
 * Variables that Node reads at its start and that cannot be made to count for a fork. NODE_OPTIONS is split into
 * options before there is JavaScript; the others set an option, a path or a switch inside of Node that no interface
 * reaches.
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
 * Those of START_VARIABLES that a child's environment has otherwise than its template's: for Node the template's count
 * there.
 */
export function unheeded({ set, unset }: EnvironmentChange): string[] {
  return START_VARIABLES.filter((name) => name in set || unset.includes(name))
}

const NO_LOCALE = 'en_US_POSIX'

/**
 * ICU's name of the locale that an environment asks for, as ICU takes it from there: `de_DE.UTF-8` is `de_DE`, `C` is
 * `en_US_POSIX`, `no_NO@nynorsk` is `no_NO_NY`.
 */
export function localeOf({ LC_ALL, LC_MESSAGES, LANG }: NodeJS.ProcessEnv): string {
  const posix = LC_ALL ?? LC_MESSAGES ?? LANG // one that is empty counts
  if (posix === undefined) return NO_LOCALE
  const name = /^[^.@]*/.exec(posix)![0]
  if (name === 'C' || name === 'POSIX') return NO_LOCALE
  const modifier = posix.includes('@') ? posix.slice(posix.lastIndexOf('@') + 1).split('.')[0] : ''
  if (!modifier) return name
  return `${name}${name.includes('_') ? '_' : '__'}${modifier === 'nynorsk' ? 'NY' : modifier}`
}
