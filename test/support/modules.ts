// Runs in: the test runner. Modules that a test writes and changes: to be preloaded.
import { mkdtempSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { pathToFileURL } from 'node:url'

/** A folder of modules. It is removed when the tests of this file, or suite, are over. */
export class ModuleFolder {
  readonly path = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-modules-')))

  constructor() {
    after(() => rmSync(this.path, { recursive: true }))
  }

  /** Writes a file in one step, as most editors do: it is never seen half written. Returns its path. */
  write(name: string, text: string): string {
    const file = path.join(this.path, name)
    writeFileSync(`${file}.new`, text)
    renameSync(`${file}.new`, file)
    return file
  }

  /** A module that exports `version()`, which returns this value. Returns its URL. */
  writeVersion(name: string, value: string): string {
    return pathToFileURL(this.write(name, `export const version = () => ${JSON.stringify(value)}\n`)).href
  }
}

/** What such a module exports. */
export interface Versioned {
  version(): string
}
