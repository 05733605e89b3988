// Runs in: owner, which may itself be a template or a child. Finds a program that would start processes without end.
//
// A program that names itself, `remote(import.meta.url)`, and starts processes at its top level does so again in each
// child: the child imports the same file to find the function. Python refuses that as well.
import { UsageError } from '../../errors.js'
import { isBeingImported } from '../../platform/import-module.js'

/**
 * @param what starts processes, for the message
 * @param modules that these processes import, to run a job or as a preload
 * @throws UsageError ERR_INVALID_STATE if this process imports one of these modules now, to find a job or as a preload
 */
export function checkNotImporting(what: string, modules: readonly string[]): void {
  const module = modules.find(isBeingImported)
  if (module === undefined) return
  const text =
    `${module} calls ${what} while it is imported to be run or preloaded. It would start processes without end. ` +
    'Move the functions of your jobs to a file of their own, which starts nothing.'
  throw new UsageError('ERR_INVALID_STATE', text)
}
