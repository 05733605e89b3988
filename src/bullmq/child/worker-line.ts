// Runs in: child. The line to the worker of a job: requests and their answers, and word that the job was cancelled.
import { Socket } from 'node:net'
import { JOB_FD, type JobMethod, lineOf, MessageLines, type RemoteError, type WorkerMessage } from './messages.js'

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

function errorOf({ name, message, stack }: RemoteError): Error {
  const error = new Error(message)
  error.name = name
  if (stack !== undefined) error.stack = stack
  return error
}

/** Once it is open, it keeps the process running: a job may wait for nothing but its cancellation. */
export class WorkerLine {
  readonly #waiting = new Map<number, Waiting>()
  readonly #asked = new Set<Promise<unknown>>()
  readonly #onCancel: (reason: unknown) => void
  #socket: Socket | undefined
  /** Why nobody answers any more. */
  #failure: Error | undefined
  #count = 0
  #isStopped = false

  constructor(onCancel: (reason: unknown) => void) {
    this.#onCancel = onCancel
  }

  /** Hears of a cancellation from now on. */
  open(): Socket {
    if (this.#socket) return this.#socket
    const lines = new MessageLines<WorkerMessage>()
    const socket = new Socket({ fd: JOB_FD, readable: true, writable: true })
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => {
      for (const message of lines.take(piece)) this.#take(message)
    })
    socket.on('error', (cause) => this.#fail(cause))
    socket.on('end', () => this.#fail(undefined))
    this.#socket = socket
    return socket
  }

  /** Asks the worker to call a method of the job. Resolves with what it returns. */
  ask(method: JobMethod, args: readonly unknown[]): Promise<unknown> {
    // Not refused: a processor that tries again at once would leave no turn of the loop in which the process can end.
    if (this.#isStopped) return new Promise(() => {})
    const socket = this.open()
    const id = this.#count++
    const asked = new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure
      const line = lineOf({ id, method, args }) // which throws what JSON says of an argument
      this.#waiting.set(id, { resolve, reject })
      socket.write(line)
    })
    this.#asked.add(asked)
    const forget = (): boolean => this.#asked.delete(asked)
    asked.then(forget, forget)
    return asked
  }

  /** The job has failed. Its processor may go on, but nothing more is asked. */
  stop(): void {
    this.#isStopped = true
  }

  /** Waits until the worker has done all that was asked, also what the job did not wait for. */
  async settled(): Promise<void> {
    while (this.#asked.size > 0) await Promise.allSettled(this.#asked)
  }

  #take(message: WorkerMessage): void {
    if ('cancel' in message) return this.#onCancel(message.cancel)
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.error) waiting?.reject(errorOf(message.error))
    else waiting?.resolve(message.value)
  }

  #fail(cause: Error | undefined): void {
    this.#failure ??= new Error('The worker of this job has closed its connection.', { cause })
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }
}
