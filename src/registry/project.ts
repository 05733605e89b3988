// Runs in: owner. The project that a tool runs in: its folder, its lock file, and where what was learnt is kept.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import watched from '../platform/watched-files.cjs'

const LOCK_FILES = ['package-lock.json', 'npm-shrinkwrap.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb']

/** The folder of a project: the nearest one that has a lock file. */
export class Project {
  /** Its URL, with a slash at its end. */
  readonly url: string
  /** Its absolute path. */
  readonly folder: string
  readonly #lockFile: string | undefined
  /** In front of the names of files: a lock file may be that of several packages, and each learns for itself. */
  readonly #prefix: string

  /** @param folder where the tool runs */
  constructor(folder: string) {
    let real = folder
    try {
      real = realpathSync(folder) // modules are known by their real paths
    } catch {}
    const lockFile = findLockFile(real)
    this.folder = lockFile ? path.dirname(lockFile) : real
    this.#lockFile = lockFile
    this.url = `${pathToFileURL(this.folder).href}/`
    const inside = path.relative(this.folder, real)
    this.#prefix = inside && `${createHash('sha256').update(inside).digest('hex').slice(0, 8)}-`
  }

  /** Another text when the lock file was changed. */
  get stamp(): string {
    return this.#lockFile ? watched.stampOf(this.#lockFile) : ''
  }

  /** What a list depends on: the lock file's content, and these words. Undefined without a lock file: keep no list. */
  listStamp(words: readonly string[]): string | undefined {
    if (!this.#lockFile) return undefined
    try {
      const lock = createHash('sha256').update(readFileSync(this.#lockFile)).digest('hex').slice(0, 16)
      return [lock, process.version, ...words].join(' ')
    } catch {
      return undefined
    }
  }

  /** Whether what is learnt can be kept: there are packages, and a lock file that says which. */
  get canKeep(): boolean {
    return this.#lockFile !== undefined && existsSync(path.join(this.folder, 'node_modules'))
  }

  /** The text that was kept under a name; undefined if there is none. */
  read(name: string): string | undefined {
    try {
      return readFileSync(this.#fileOf(name), 'utf8')
    } catch {
      return undefined
    }
  }

  /** Keeps a text, as a whole or not at all. A project whose node_modules cannot be written keeps nothing. */
  write(name: string, text: string): void {
    if (!existsSync(path.join(this.folder, 'node_modules'))) return
    const file = this.#fileOf(name)
    const draft = `${file}.${process.pid}`
    try {
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(draft, text)
      renameSync(draft, file)
    } catch {
      try {
        rmSync(draft, { force: true })
      } catch {} // its folder is a file, or is not to be written
    }
  }

  #fileOf(name: string): string {
    return path.join(this.folder, 'node_modules', '.cache', 'forkserver', this.#prefix + name)
  }
}

function findLockFile(from: string): string | undefined {
  for (let folder = from; ; folder = path.dirname(folder)) {
    for (const name of LOCK_FILES) if (existsSync(path.join(folder, name))) return path.join(folder, name)
    if (folder === path.dirname(folder)) return undefined
  }
}
