// Runs in: owner. To which task captured output belongs. A worker waits for its output to be read before it begins its
// next task (child/worker/captured-output.ts). So what is read belongs to the task that runs. Pure.
import type { Buffer } from 'node:buffer'
import type { Ledger } from '../../wire/worker/ledger.js'
import type { ItemMessage } from '../../wire/worker/worker-messages.js'
import type { Assignments } from './assignments.js'
import type { OutputStream, OutputTaker } from './output-reader.js'

/** The output of one worker's tasks. */
export class TaskOutput {
  readonly #ledger: Ledger
  readonly #sent: Assignments
  readonly #otherwise: OutputTaker
  /** The last task whose output was read to its end. */
  #read: ItemMessage = { chunk: 0, item: 0 }

  /** @param otherwise takes the output that no call takes */
  constructor(ledger: Ledger, sent: Assignments, otherwise: OutputTaker) {
    this.#ledger = ledger
    this.#sent = sent
    this.#otherwise = otherwise
  }

  /** Hands over a part that was read just now. */
  readonly take = (bytes: Buffer, stream: OutputStream): void => {
    const { chunk: id, item } = this.#ledger.isShared ? this.#ledger.begun : this.#next
    const { chunk } = this.#sent.find((one) => one.id === id) ?? {}
    const { onOutput } = chunk?.call ?? {}
    if (chunk && onOutput && !chunk.call.isOver && item >= chunk.first && item < chunk.end)
      onOutput(bytes, stream, chunk.base + item)
    else this.#otherwise(bytes, stream)
  }

  /** All output of this task was delivered. */
  ended(task: ItemMessage): void {
    this.#read = task
  }

  /** The task after the last one that was read to its end; used if there is no shared ledger. */
  get #next(): ItemMessage {
    const first = this.#sent.first
    if (!first) return { chunk: 0, item: 0 }
    return { chunk: first.id, item: this.#read.chunk === first.id ? this.#read.item + 1 : first.chunk.first }
  }
}
