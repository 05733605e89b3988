// Runs in: owner, with the option watch. The files that the last template has loaded, and whether they have changed
// since. Looking at each of them says it for sure, and takes some microseconds a file. The kernel's notices only say it
// earlier.
import { type FSWatcher, watch } from 'node:fs'
import path from 'node:path'
import { clearTimeout, setTimeout, sleep } from '../../platform/timers.js'
import watched from '../../platform/watched-files.cjs'
import type { FileStamps } from '../../wire/startup.js'

/** Files count as written when they have stayed the same for this long, in milliseconds. */
const QUIET_MS = 50
/** At most so many times that long: a file may be written again and again. */
const MAX_ROUNDS = 20

const { stampOf } = watched

/** Watches the files of the templates of one server. */
export class FileWatch {
  /** Called a moment after one of the files has changed. */
  onChange = (): void => {}
  #stamps = new Map<string, string>()
  /** Files that changed while the last template was loading. */
  #written = new Set<string>()
  readonly #folders = new Map<string, FSWatcher>()
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /** A template was started: these are its files, with their stamps when they were loaded. */
  loaded(files: FileStamps): void {
    const written = new Set<string>()
    const stamps = new Map(Object.entries(files))
    for (const [file, stamp] of stamps) {
      const now = stampOf(file)
      if (now === stamp) continue
      written.add(file)
      // A preload that writes its own modules would be loaded again and again.
      if (this.#written.has(file)) stamps.set(file, now)
    }
    this.#written = written
    this.#follow(stamps)
  }

  /** A template could not be started. Whatever it has loaded, or the one before it, may be the cause. */
  failed(files: FileStamps): void {
    this.#follow(new Map([...this.#stamps, ...Object.entries(files)]))
  }

  /** Whether a file has changed since it was loaded. */
  get isChanged(): boolean {
    for (const [file, stamp] of this.#stamps) if (stampOf(file) !== stamp) return true
    return false
  }

  /** Waits until nobody writes the files: an editor, or a compiler, may take several steps. */
  async quiet(): Promise<void> {
    const stamps = (): string => [...this.#stamps.keys()].map(stampOf).join()
    let before = stamps()
    for (let round = 0; round < MAX_ROUNDS; round++) {
      await sleep(QUIET_MS)
      const now = stamps()
      if (now === before) return
      before = now
    }
  }

  #follow(stamps: Map<string, string>): void {
    this.#stamps = stamps
    if (this.#isClosed) return
    const folders = new Set([...stamps.keys()].map((file) => path.dirname(file)))
    for (const [folder, watcher] of this.#folders) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#folders.delete(folder)
    }
    for (const folder of folders) if (!this.#folders.has(folder)) this.#watch(folder)
  }

  /** Without notices of this folder (ENOSPC: the limit of inotify watches), a change is seen at the next start. */
  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null || this.#stamps.has(path.join(folder, name))) this.#notice()
      })
      watcher.on('error', () => {
        watcher.close()
        this.#folders.delete(folder)
      })
      this.#folders.set(folder, watcher)
    } catch {}
  }

  #notice(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.isChanged && this.onChange(), QUIET_MS).unref()
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    for (const watcher of this.#folders.values()) watcher.close()
    this.#folders.clear()
  }
}
