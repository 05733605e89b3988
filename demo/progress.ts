// Runs in: owner. Shows the progress of the demo on stderr: a bar on a terminal, otherwise a plain line each second.
import { SingleBar } from 'cli-progress'

export interface Progress {
  start(way: string, files: number): void
  step(): void
  stop(): void
}

class Bar implements Progress {
  #bar: SingleBar | undefined

  start(way: string, files: number): void {
    // gracefulExit is off because the demo itself handles Ctrl-C.
    const format = `${way.padEnd(18)} {bar} {value}/{total} files, {duration} s`
    this.#bar = new SingleBar({
      format,
      barsize: 30,
      hideCursor: true,
      gracefulExit: false,
      fps: 20,
      barCompleteChar: '█',
      barIncompleteChar: '░',
    })
    this.#bar.start(files, 0)
  }

  step(): void {
    this.#bar?.increment()
  }

  stop(): void {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

/** How often a line is written, in milliseconds. */
const LINE_MS = 1_000

class Lines implements Progress {
  #way = ''
  #files = 0
  #done = 0
  /** The number of files on the last line. */
  #written = 0
  #began = 0
  #lastLine = 0

  start(way: string, files: number): void {
    process.stderr.write(`${way}: ${files} ${files === 1 ? 'file' : 'files'} ...\n`)
    this.#way = way
    this.#files = files
    this.#done = this.#written = 0
    this.#began = this.#lastLine = performance.now()
  }

  step(): void {
    this.#done++
    if (performance.now() - this.#lastLine >= LINE_MS) this.#write()
  }

  stop(): void {
    if (this.#written < this.#done) this.#write()
  }

  #write(): void {
    this.#written = this.#done
    this.#lastLine = performance.now()
    const seconds = ((this.#lastLine - this.#began) / 1000).toFixed(1)
    process.stderr.write(`${this.#way}: ${this.#done} of ${this.#files}, ${seconds} s\n`)
  }
}

export function makeProgress(): Progress {
  return process.stderr.isTTY ? new Bar() : new Lines()
}
