// Runs in: owner and child. What a connection needs of a stream of bytes, no matter whether our own system calls
// (native-transport) or node:net (net-transport) move the bytes. Types only.

/**
 * Descriptors that came with one byte. Null if the kernel had to drop them, because this process had no room for them.
 */
export type DescriptorSet = readonly number[] | null

/** A part of a buffer that waits for bytes. */
export interface Destination {
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
}

/** The receiver of what a transport reads. The event loop calls these functions; they never throw. */
export interface Sink {
  /** Where to put the next bytes, if that is known. They then need no copy. */
  destination(): Destination | undefined
  /** Tells how many bytes were put there. */
  filled(count: number): void
  /** Takes the first `count` bytes of a chunk. The chunk is overwritten after this call returns. */
  data(chunk: Buffer, count: number): void
  /** The next `count` bytes came with descriptors. The descriptors belong to the last of these bytes. */
  descriptors(set: DescriptorSet, count: number): void
  /** The other side has ended. `cause` is the error of the kernel if it did not end normally. */
  end(cause?: NodeJS.ErrnoException): void
}

/** Is called when the bytes have left, or cannot leave any more. */
export type Sent = (error?: Error) => void

/** Bytes to be sent in one piece, the header first. The body is not copied: it must not change until it has left. */
export interface Outgoing {
  readonly header: Buffer
  readonly headerLength: number
  readonly body: Uint8Array
  readonly start: number
  readonly end: number
  /** A descriptor to pass with the first byte, or -1. */
  readonly descriptor: number
}

/** A connected stream of bytes. */
export interface Transport {
  /** Its file descriptor. Undefined if it has none, or if node:net owns it. */
  readonly fd: number | undefined
  /** Whether descriptors can be passed. */
  readonly passesDescriptors: boolean
  /** Sets the receiver of the bytes. Call it once, before anything is read. */
  attach(sink: Sink): void
  /** Switches reading on or off. */
  setReading(on: boolean): void
  /**
   * Tells whether somebody waits for what is read. Only then does the transport keep the process alive. Bytes that have
   * not left keep it alive, too.
   */
  setWaiting(on: boolean): void
  /**
   * Sends. Returns true if the kernel has taken everything; `sent` is not called then. Otherwise returns false, and
   * `sent` is called, perhaps before this returns.
   * @throws ProtocolError ERR_CONNECTION_CLOSED; ResourceError ERR_RESOURCE
   */
  send(outgoing: Outgoing, sent: Sent): boolean
  /** Ends the sending direction, after what still waits. */
  endWriting(): void
  /**
   * Gives up the descriptor: it is no longer read or written here.
   * @throws UsageError ERR_INVALID_STATE if bytes wait that the kernel does not take now
   */
  detach(): number
  /** Closes at once. Bytes that wait are dropped: their `sent` is called with the error. */
  close(error: Error): Promise<void>
}
