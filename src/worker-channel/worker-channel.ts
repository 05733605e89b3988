// Runs in: owner and child. What a worker channel is: messages between a Pool and one of its workers. ring-channel.ts
// has one through shared memory, for processes with the addon; socket-channel.ts has one over a socket. Pure: types
// only.
import type { Buffer } from 'node:buffer'

/** Takes the messages of the other side. */
export interface ChannelListener {
  onMessage(payload: Buffer): void
  /** The other side broke the protocol, or onMessage() threw. */
  onFailure(error: Error): void
  /**
   * The other side has closed its end. Nobody can tell that of shared memory: there, the kernel kills a worker whose
   * owner is gone.
   */
  onGone(): void
}

/** One end of a worker channel. */
export interface Channel {
  /**
   * Sends one message, in two parts if that saves a copy. With `mayWait`, the other side is woken only when the
   * promises that are settled now have run their callbacks: so many messages cost one wake-up.
   */
  send(head: Uint8Array, body?: Uint8Array, options?: { mayWait?: boolean }): void
  /**
   * Hands over what has come, without a turn of the event loop.
   * @returns whether there was nothing; then the channel hands over what comes later by itself
   */
  idle(): boolean
  /** Whether the channel keeps the event loop running. It does so at first. */
  holdLoop(on: boolean): void
  /** Calls back when all is sent. */
  end(sent: () => void): void
  /** The other process has ended: hands over what it has sent, and closes. */
  finish(): Promise<void>
}
