// Runs in: child. The channel of a worker for one task. Its messages came with the job, and it answers on the job
// channel. So it has no descriptor, no memory and no event of its own. It reads nothing more: it leaves when it has
// answered.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { clearInterval, setInterval } from '../../platform/timers.js'
import type { Channel, ChannelListener } from '../../worker-channel/worker-channel.js'
import type { ChildChannel } from '../job-channel.js'

/** The longest interval of a timer, in milliseconds. */
const NEVER_MS = 2 ** 31 - 1

/** A worker's end. */
export class JobLink implements Channel {
  readonly #channel: Pick<ChildChannel, 'send'>
  /** As for every worker, an event loop with nothing to do is no end: its task may wait for anything. */
  #hold: NodeJS.Timeout | undefined = setInterval(() => {}, NEVER_MS)

  /** @param messages that came with the job */
  constructor(channel: Pick<ChildChannel, 'send'>, messages: readonly Uint8Array[], listener: ChannelListener) {
    this.#channel = channel
    for (const { buffer, byteOffset, byteLength } of messages)
      listener.onMessage(Buffer.from(buffer, byteOffset, byteLength))
  }

  send(head: Uint8Array, body?: Uint8Array): void {
    this.#channel.send('worker', body ? Buffer.concat([head, body]) : head)
  }

  idle(): boolean {
    return true
  }

  holdLoop(on: boolean): void {
    if (on) this.#hold?.ref()
    else this.#hold?.unref()
  }

  end(sent: () => void): void {
    clearInterval(this.#hold)
    this.#hold = undefined
    sent() // what was written is sent
  }

  async finish(): Promise<void> {}
}
