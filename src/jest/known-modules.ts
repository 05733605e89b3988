// Runs in: owner, inside jest. The modules of packages that test files were seen to load: a template loads them in the
// contexts that it prepares. What was learnt is kept for the next run.
import { pathToFileURL } from 'node:url'
import { EMPTY_LIST, format, type LearntList, merge, parse, pathsOf, strikeOff } from '../registry/learnt-list.js'
import { Project } from '../registry/project.js'

const FILE = 'jest-contexts.json'

/** What is known for one project. */
export class KnownModules {
  readonly #project: Project
  readonly #stamp: string | undefined
  #list: LearntList = EMPTY_LIST

  /**
   * @param rootDir the folder of the project
   * @param version of jest: another one loads other modules
   */
  constructor(rootDir: string, version: string) {
    this.#project = new Project(rootDir)
    this.#stamp = this.#project.listStamp([`jest@${version}`])
    const text = this.#stamp === undefined ? undefined : this.#project.read(FILE)
    if (text !== undefined) this.#list = parse(text, this.#stamp!)
  }

  /** Absolute paths. */
  get paths(): string[] {
    return pathsOf(this.#list, this.#project.folder)
  }

  /**
   * Adds what a test file has loaded, and strikes off what a context could not load.
   * @returns whether there is something new
   */
  learn(loaded: readonly string[], struck: readonly string[]): boolean {
    const before = this.#list
    const urls = loaded.map((path) => pathToFileURL(path).href)
    const findings = struck.map((path) => ({
      module: pathToFileURL(path).href,
      what: 'it throws, or looks for a global of test files, while it is loaded',
      severity: 'different' as const,
    }))
    const merged = merge(before, urls, this.#project.url)
    this.#list = strikeOff(merged, findings, this.#project.url)
    if (this.#list !== before && this.#stamp !== undefined) this.#project.write(FILE, format(this.#list, this.#stamp))
    return this.#list.modules.length > before.modules.length
  }
}
