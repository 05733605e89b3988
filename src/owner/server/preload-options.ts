// Runs in: owner. What a template loads before it is frozen: the options preload and warmup, and their checks.
import { anything, boolean, type Check, invalidOption, listOf, nested } from '../../options/option-checks.js'
import type { PreloadModule, Warmup } from '../../wire/startup.js'
import { encodeValue } from '../../wire/values/clone.js'
import { moduleName, reference } from '../naming/reference-check.js'
import { isReference, isRemote, type Reference, remote } from '../naming/remote.js'

/** A module of the option preload. */
export interface PreloadOption {
  /** A URL, an absolute path, or the name of a package. */
  module: string | URL
  /** Whether the template does without it if it cannot be loaded, or cannot be forked with it; default false. */
  optional?: boolean
}

/** A warm-up with arguments. */
export interface WarmupCall<R extends Reference = Reference> {
  /** The function, from remote(). */
  call: R
  /** Its arguments. */
  args: WarmupArguments<R>
}

/** The arguments of a warm-up: those of its function, or any if the type of the function is not known. */
export type WarmupArguments<R extends Reference> =
  R extends Reference<infer F>
    ? [never[], Parameters<F>] extends [Parameters<F>, never[]]
      ? readonly unknown[]
      : Parameters<F>
    : never

const preloadOption = nested<PreloadOption>({ module: moduleName, optional: boolean })

/** One entry of preload. */
export const preloadModule: Check<string | URL | PreloadOption> = (value, site) => {
  if (!isOptions(value)) return moduleName(value, site)
  const given = preloadOption(value, site)
  if (given.module !== undefined) return given
  throw invalidOption(site, 'a string, a URL, or { module, optional }', value)
}

const warmupCall = nested<WarmupCall>({ call: reference, args: listOf(anything) as Check<never[]> })

/** A warm-up, with arguments or without. */
export const warmup: Check<Reference | WarmupCall> = (value, site) => {
  if (!isOptions(value)) return reference(value, site)
  const given = warmupCall(value, site)
  if (given.call !== undefined && given.args !== undefined) return given
  throw invalidOption(site, 'a reference to a function, or { call: a reference, args: a list }', value)
}

/** Whether a value is an object of options, and not what it stands beside. */
const isOptions = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !(value instanceof URL) && !isReference(value) && !isRemote(value)

/** The module that the template is told. */
export const preloadOf = (entry: string | URL | PreloadOption): PreloadModule =>
  typeof entry === 'string' || entry instanceof URL
    ? { module: remote(entry).module, optional: false }
    : { module: remote(entry.module).module, optional: entry.optional ?? false }

/**
 * The warm-up that the template is told.
 * @throws UsageError ERR_CANNOT_CLONE
 */
export function warmupOf(given: Reference | WarmupCall): Warmup {
  if (isReference(given)) return { module: given.module, name: given.name }
  const args = encodeValue(given.args, 'arguments').toString('base64')
  return { module: given.call.module, name: given.call.name, args }
}
