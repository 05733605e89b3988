// Runs in: owner, with the option watch. Restarts a server when files that its template has loaded were changed: soon
// after the change, and at the latest before the next process starts.
import type { FileStamps } from '../../wire/startup.js'
import { FileWatch } from './file-watch.js'

/** A start waits for at most so many restarts: the files may change again during each. */
const MAX_RESTARTS = 5

/** Keeps the template of one server up to date. */
export class Reloading {
  readonly #files = new FileWatch()
  /** Whether the last template could not be started: then the one that serves is older than the files. */
  #hasFailed = false
  #restarting: Promise<void> | undefined
  #isClosed = false
  #restart: () => Promise<void> = async () => {}

  /** @param restart as ForkServer.restart(), and works until the server has made the last start */
  begin(restart: () => Promise<void>): void {
    this.#restart = restart
    this.#files.onChange = () => {
      this.#reload().catch((error: Error) => {
        if (this.#isClosed) return // the server closes: nobody needs a new template
        const text = `Preloaded files have changed and cannot be loaded: ${error.message} The next start tries again.`
        process.emitWarning(text, { code: 'FORKSERVER_RELOAD' })
      })
    }
  }

  /** A template was started from these files. */
  loaded(files: FileStamps): void {
    this.#hasFailed = false
    this.#files.loaded(files)
  }

  /** A template could not be started from these files. */
  failed(files: FileStamps): void {
    this.#hasFailed = true
    this.#files.failed(files)
  }

  /**
   * Resolves when the template that serves has loaded the files as they are.
   * @throws as ForkServer.restart()
   */
  async fresh(): Promise<void> {
    for (let tries = 0; tries < MAX_RESTARTS && this.#isOld; tries++) await this.#reload()
  }

  /** Whether a template is to be waited for. */
  get #isOld(): boolean {
    return this.#restarting !== undefined || this.#hasFailed || this.#files.isChanged
  }

  #reload(): Promise<void> {
    this.#restarting ??= this.#reloadNow().finally(() => {
      this.#restarting = undefined
    })
    return this.#restarting
  }

  async #reloadNow(): Promise<void> {
    await this.#files.quiet()
    await this.#restart()
  }

  /** From now on only starts restart the server, and nobody is warned. */
  close(): void {
    this.#isClosed = true
    this.#files.close()
  }
}
