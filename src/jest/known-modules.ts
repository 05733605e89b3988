// Runs in: owner, inside jest. The modules of packages that test files were seen to load: a template loads them in the
// contexts that it prepares. What was learnt is kept for the next run.
import { pathToFileURL } from 'node:url'
import { isIn, type LearnExceptions, learningOf } from '../registry/learn-option.js'
import { EMPTY_LIST, format, type LearntList, merge, parse, pathsOf, strikeOff } from '../registry/learnt-list.js'
import { Project } from '../registry/project.js'

const FILE = 'jest-contexts.json'

const DIFFERENT = 'it throws, looks for a global of test files, or changes what others find, while it is loaded'

/** What is known for one project. */
export class KnownModules {
  readonly #project: Project
  readonly #stamp: string | undefined
  readonly #learns: boolean
  readonly #exclude: readonly string[]
  #list: LearntList = EMPTY_LIST

  /**
   * @param rootDir the folder of the project
   * @param version of jest: another one loads other modules
   * @param learn the option
   */
  constructor(rootDir: string, version: string, learn?: boolean | LearnExceptions) {
    const { learns, exclude } = learningOf(learn)
    this.#learns = learns
    this.#exclude = exclude
    this.#project = new Project(rootDir)
    this.#stamp = learns ? this.#project.listStamp([`jest@${version}`]) : undefined
    const text = this.#stamp === undefined ? undefined : this.#project.read(FILE)
    if (text !== undefined) this.#list = parse(text, this.#stamp!)
  }

  /** Absolute paths. */
  get paths(): string[] {
    return pathsOf(this.#list, this.#project.folder).filter((path) => !isIn(path, this.#exclude))
  }

  /**
   * Adds what a test file has loaded, and strikes off what a context could not load.
   * @returns whether there is something new
   */
  learn(loaded: readonly string[], struck: readonly string[]): boolean {
    if (!this.#learns) return false
    const before = this.#list
    const urls = loaded.filter((path) => !isIn(path, this.#exclude)).map((path) => pathToFileURL(path).href)
    const merged = merge(before, urls, this.#project.url)
    this.#list = merged
    this.strike(struck, DIFFERENT)
    if (this.#list === merged && merged !== before) this.#keep()
    return this.#list.modules.length > before.modules.length
  }

  /** Strikes modules off: no template loads them any more. */
  strike(paths: readonly string[], what: string): void {
    const before = this.#list
    const findings = paths.map((path) => ({
      module: pathToFileURL(path).href,
      what,
      severity: 'different' as const,
    }))
    this.#list = strikeOff(before, findings, this.#project.url)
    if (this.#list !== before) this.#keep()
  }

  #keep(): void {
    if (this.#stamp !== undefined) this.#project.write(FILE, format(this.#list, this.#stamp))
  }
}
