// Runs in: owner and template. What both have to agree on if a server watches files (option watch). This file is
// CommonJS because template/loaded-files.cts needs it, which runs under --require.
//
// It has no require(): in a bundle of ES modules that would throw before forkserver can say what is wrong.

/** Node's module loaders report what they load if this variable is set. The text does not matter to them. */
const VARIABLE = 'WATCH_REPORT_DEPENDENCIES'
/** The text by which a template knows that its owner has set it, and not `node --watch` above the owner. */
const ON = 'forkserver'

// Kept, because a program may replace it.
const { statSync } = process.getBuiltinModule('node:fs')

/** What a file is now: another text when it was written, replaced or removed. Empty if there is none. */
function stampOf(file: string): string {
  try {
    const found = statSync(file, { throwIfNoEntry: false })
    return found ? `${found.mtimeMs} ${found.size} ${found.ino}` : ''
  } catch {
    return ''
  }
}

export = { VARIABLE, ON, stampOf }
