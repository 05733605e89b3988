// Runs in: owner. The check of an option that is a reference to a function. Pure.
import { type Check, invalidOption } from '../../options/option-checks.js'
import { isReference, type Reference } from './remote.js'

/** A reference to an exported function, made by remote(). */
export const reference: Check<Reference> = (value, site) => {
  if (isReference(value)) return value
  throw invalidOption(site, 'a reference to an exported function, made by remote()', value)
}
