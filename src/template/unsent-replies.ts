// Runs in: template. Replies that a client's socket would not take yet. Pure: serve-loop.ts does the writing.
import { Buffer } from 'node:buffer' // a program may delete the global one
import os from 'node:os'

/** The answer of write() if the socket takes nothing now. */
const NOT_NOW = -os.constants.errno.EAGAIN

/** How many bytes of replies a client may leave unread before its connection is closed. */
export const MAX_UNREAD_BYTES = 4 * 1024 * 1024

/** A queue of bytes before a socket. */
export class Unsent {
  readonly #pieces: Buffer[] = []
  #bytes = 0

  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  /**
   * Writes the bytes that wait and then `frames`, as far as the socket takes them. The rest is copied and waits,
   * so the memory of `frames` may be used again.
   *
   * @param write returns how many bytes it took, or a negative errno
   * @returns whether the connection can go on: false if writing failed, or if the client has left too much unread
   */
  send(frames: Buffer, write: (bytes: Buffer) => number): boolean {
    this.#pieces.push(frames)
    this.#bytes += frames.length
    if (this.#bytes > MAX_UNREAD_BYTES || !this.flush(write)) return false
    const rest = this.#pieces.pop()
    if (rest) this.#pieces.push(Buffer.from(rest))
    return true
  }

  /** Writes the bytes that wait. Parameters and result are those of send(). */
  flush(write: (bytes: Buffer) => number): boolean {
    for (let piece = this.#pieces[0]; piece; piece = this.#pieces[0]) {
      const taken = write(piece)
      if (taken === NOT_NOW) return true
      if (taken < 0) return false
      this.#bytes -= taken
      if (taken < piece.length) this.#pieces[0] = piece.subarray(taken)
      else this.#pieces.shift()
    }
    return true
  }
}
