// Runs in: owner. Shows the progress of the demo on stderr: a bar on a terminal, otherwise one plain line for each way.
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

class Line implements Progress {
  start(way: string, files: number): void {
    process.stderr.write(`${way}: ${files} ${files === 1 ? 'file' : 'files'} ...\n`)
  }

  step(): void {}

  stop(): void {}
}

export function makeProgress(): Progress {
  return process.stderr.isTTY ? new Bar() : new Line()
}
