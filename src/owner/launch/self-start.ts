// Runs in: owner, which may itself be a template or a child. Finds a program that would start processes without end.
//
// A program that names itself, `remote(import.meta.url)`, and starts processes at its top level does so again in each
// child: the child imports the same file to find the function. Python refuses that as well.
import { UsageError } from '../../errors.js'
import { isBeingImported } from '../../platform/import-module.js'

/**
 * @param module the module that a process is to run or a template is to preload
 * @param what starts it, for the message
 * @throws UsageError ERR_INVALID_STATE if this process imports that very module now, to find a job or as a preload
 */
export function checkNotImporting(module: string, what: string): void {
  if (!isBeingImported(module)) return
  const text =
    `${module} calls ${what} while it is imported to be run or preloaded. It would start processes without end. ` +
    'Move the functions of your jobs to a file of their own, which starts nothing.'
  throw new UsageError('ERR_INVALID_STATE', text)
}
