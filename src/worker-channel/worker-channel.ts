// Runs in: owner and child. The interface of a worker channel: messages between a Pool and one of its workers.
// ring-channel.ts uses shared memory, for processes with the addon. socket-channel.ts uses a socket. Pure: types only.
import type { Buffer } from 'node:buffer'

/** Takes the messages of the other side. */
export interface ChannelListener {
  onMessage(payload: Buffer): void
  /** The other side broke the protocol, or onMessage() threw. */
  onFailure(error: Error): void
  /**
   * The other side has closed its end. Shared memory does not show that: there, the kernel kills a
   * worker whose owner is gone.
   */
  onGone(): void
}

/** One end of a worker channel. */
export interface Channel {
  /**
   * Sends one message, in two parts if that saves a copy. With `mayWait`, the other side is woken after the callbacks
   * of the promises that are settled now, so that many messages need one wake-up.
   */
  send(head: Uint8Array, body?: Uint8Array, options?: { mayWait?: boolean }): void
  /**
   * Delivers the messages that have come, without a turn of the event loop.
   * @returns whether there was none; then the channel itself delivers later messages
   */
  idle(): boolean
  /** Sets whether the channel keeps the event loop running. At first it does. */
  holdLoop(on: boolean): void
  /** Waits until the other process has all that was sent, even if this one dies. Returns undefined if it has. */
  flushed(): Promise<void> | undefined
  /** Calls back when all is sent. */
  end(sent: () => void): void
  /** The other process has ended: delivers the messages that it has sent, and closes. */
  finish(): Promise<void>
}
