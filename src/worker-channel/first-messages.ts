// Runs in: owner. The channel to a worker for one task: its messages travel with its job (child/worker/job-link.ts), so
// they are sent before the process exists. It gets no others. Its answers come on its job channel. Pure.
import { Buffer } from 'node:buffer' // a program may delete the global one
import type { Channel } from './worker-channel.js'

/** The owner's end. */
export class FirstMessages implements Channel {
  #messages: Uint8Array[] | undefined = []

  /** The messages until now. Later ones are dropped. */
  take(): Uint8Array[] {
    const messages = this.#messages ?? []
    this.#messages = undefined
    return messages
  }

  send(head: Uint8Array, body?: Uint8Array): void {
    this.#messages?.push(body ? Buffer.concat([head, body]) : head)
  }

  idle(): boolean {
    return true
  }

  holdLoop(): void {} // its process does

  end(sent: () => void): void {
    sent()
  }

  async finish(): Promise<void> {}
}
