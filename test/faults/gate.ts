// Runs in: the test runner. A gate that holds jobs until the test opens it: the stdin of untilReleased() in
// fixtures/faults/jobs.ts.
import { closeSync } from 'node:fs'
import { native } from '#src/platform/native.js'

/** The read end of a pipe, for the stdin of any number of processes. */
export class Gate implements Disposable {
  readonly fd: number
  readonly #writer: number
  #isOpen = false

  constructor() {
    const pipe = new Int32Array(2)
    native().pipe(pipe)
    this.fd = pipe[0]!
    this.#writer = pipe[1]!
  }

  /** Releases all who wait, and all who come later. Once is enough. */
  open(): void {
    if (!this.#isOpen) closeSync(this.#writer)
    this.#isOpen = true
  }

  /** For the option `stdio` of a process. */
  get stdio(): ['ignore' | number, 'ignore', 'ignore'] {
    return [this.fd, 'ignore', 'ignore']
  }

  [Symbol.dispose](): void {
    this.open()
    closeSync(this.fd)
  }
}
