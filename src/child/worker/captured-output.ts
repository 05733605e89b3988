// Runs in: child. A worker's stdout and stderr where its pool captures them: files, of which it notes how long they are behind each task.
import { fstatSync } from 'node:fs'
import type { Written } from '../../wire/worker/worker-messages.js'

/** The lengths of both. */
export class CapturedOutput {
  #ends: Written[] = []
  #stdout = 0
  #stderr = 0

  /** A task has ended. */
  noteEnd(item: number): void {
    // Asked, and not counted as it is written: addons and programs that a task starts write there too.
    const [stdout, stderr] = [fstatSync(1).size, fstatSync(2).size]
    if (stdout === this.#stdout && stderr === this.#stderr) return
    this.#stdout = stdout
    this.#stderr = stderr
    this.#ends.push([item, stdout, stderr])
  }

  /** What was noted since the last time. */
  take(): Written[] {
    const ends = this.#ends
    this.#ends = []
    return ends
  }
}
