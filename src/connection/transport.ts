// Runs in: owner and child. What a message connection needs of a byte stream, whoever moves the bytes: system calls of our own
// (native-transport) or node:net (net-transport). Types only.

/** Descriptors that came with one byte; null where the kernel had to drop them, because this process had no room for them. */
export type DescriptorSet = readonly number[] | null

/** A part of a buffer that wants bytes. */
export interface Destination {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** Who takes what a transport reads. Everything here is called from the event loop, and never throws. */
export interface Sink {
  /** Where the next bytes belong, if it is known: they need no copy then. */
  destination(): Destination | undefined
  /** So many bytes were put there. */
  filled(count: number): void
  /** Takes the first `count` bytes of a chunk, which is written over as soon as this returns. */
  data(chunk: Buffer, count: number): void
  /** The bytes that are taken next, `count` of them, came with descriptors, which belong to the last of them. */
  descriptors(set: DescriptorSet, count: number): void
  /** The other side writes no more: `cause` is there where it broke off with an error of the kernel. */
  end(cause?: NodeJS.ErrnoException): void
}

/** Called once what was sent has left, or cannot leave any more. */
export type Sent = (error?: Error) => void

/** Bytes to be sent in one piece: the header first. The body is referred to, not copied, until it has left. */
export interface Outgoing {
  readonly header: Buffer
  readonly headerLength: number
  readonly body: Uint8Array
  readonly start: number
  readonly end: number
  /** To be passed along with the first byte, or -1. */
  readonly descriptor: number
}

/** A connected stream of bytes. */
export interface Transport {
  /** Its descriptor, or undefined where there is none or it belongs to node:net. */
  readonly fd: number | undefined
  /** Whether descriptors can be passed along. */
  readonly passesDescriptors: boolean
  /** Names who takes the bytes: once, before anything is read. */
  attach(sink: Sink): void
  /** Whether to read. */
  setReading(on: boolean): void
  /** Whether somebody waits for what is read: only then does it keep the process alive. What is not sent yet does so, too. */
  setWaiting(on: boolean): void
  /**
   * Sends. Returns true where the kernel has taken everything: `sent` is not called then. Returns false where it is, perhaps at once.
   * @throws ProtocolError ERR_CONNECTION_CLOSED; ResourceError ERR_RESOURCE
   */
  send(outgoing: Outgoing, sent: Sent): boolean
  /** Says that nothing more will be sent, after what still waits. */
  endWriting(): void
  /** Gives the descriptor away: nothing reads or writes it here any more. */
  detach(): number
  /** Closes at once. What waits to be sent is dropped: its `sent` is called with the error. */
  close(error: Error): Promise<void>
}
