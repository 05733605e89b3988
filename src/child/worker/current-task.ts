// Runs in: child. The task that a Pool's worker runs now, for workerInfo() and emitProgress().
import { encodeValue } from '../../wire/values/clone.js'
import { encodeProgress } from '../../wire/worker/worker-messages.js'
import type { CurrentWorker, WorkerInfo } from '../api/worker-info.js'

/** The current task of one worker. Tasks run one after the other, so there is one at a time. */
export class CurrentTask implements CurrentWorker {
  readonly info: WorkerInfo
  #count = 0
  #controller: AbortController | undefined
  #chunk = 0
  #item = 0
  #listens = false
  /** Why the chunk has to stop. */
  #reason: { error: unknown } | undefined
  #send: (head: Uint8Array, body: Uint8Array) => void = () => {}

  constructor({ id, name }: { id: number; name?: string | undefined }) {
    const count = (): number => this.#count
    const signal = (): AbortSignal => this.#signal()
    this.info = {
      id,
      name,
      get task() {
        return count()
      },
      get signal() {
        return signal()
      },
    }
  }

  // Made only when a task uses it: a signal for each task would take longer than a small task.
  #signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.#reason) this.#controller.abort(this.#reason.error)
    return this.#controller.signal
  }

  emitProgress(value: unknown): boolean {
    if (!this.#listens) return false
    this.#send(encodeProgress(this.#chunk, this.#item), encodeValue(value, 'progress'))
    return true
  }

  /** Sets the function that sends messages. */
  speakBy(send: (head: Uint8Array, body: Uint8Array) => void): void {
    this.#send = send
  }

  /** A chunk begins. */
  beginChunk(chunk: number, { listens, reason }: { listens: boolean; reason: { error: unknown } | undefined }): void {
    this.#chunk = chunk
    this.#listens = listens
    this.#reason = reason
  }

  /** A task of it begins: throws the reason if the chunk has to stop. */
  begin(item: number): void {
    if (this.#reason) throw this.#reason.error
    this.#count++
    this.#item = item
    this.#controller = undefined
  }

  /** The chunk is done. Code that its tasks left running cannot report progress any more. */
  endChunk(): void {
    this.#chunk = 0
    this.#listens = false
    this.#reason = undefined
  }

  /** Nobody waits for this chunk any more. Returns false if it is not the current one. */
  abort(chunk: number, error: unknown): boolean {
    if (chunk !== this.#chunk) return false
    this.#reason = { error }
    this.#controller?.abort(error)
    return true
  }
}
