// Runs in: owner. The checks of options that name modules and functions. Pure.
import { type Check, invalidOption, stringOrUrl } from '../../options/option-checks.js'
import { isReference, isRemote, type Reference } from './remote.js'

/** A reference to an exported function, made by remote(). */
export const reference: Check<Reference> = (value, site) => {
  if (isReference(value)) return value
  const hint = isRemote(value) ? ', such as jobs.warmup,' : ''
  throw invalidOption(site, `a reference to an exported function${hint} made by remote()`, value)
}

/** A module: a string or a URL. */
export const moduleName: Check<string | URL> = (value, site) => {
  if (isRemote(value) || isReference(value))
    throw invalidOption(site, `a string or a URL, such as the 'module' of an object of remote() (jobs.module)`, value)
  return stringOrUrl(value, site)
}
