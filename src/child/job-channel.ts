// Runs in: child, however it was born. Its end of the job channel. Reading and writing are synchronous: a child without
// a job has nothing else to do, and an exit cannot lose what was written synchronously.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { readSync, writeSync } from 'node:fs'
import { ProtocolError } from '../errors.js'
import { encodeFrame, encodeFrameHeader, ONE_WRITE_LIMIT, readFrameLength } from '../wire/frames.js'
import { decodeJob, encodeBegun, encodeChildMessage, type JobHead, type SentByChild } from '../wire/job.js'

const FIRST_READ = 64 * 1024
const HEADER = 4
const LONG_HEADER = 12

let own: ChildChannel | undefined

/** The job channel of this process, for a job that sends messages of its own. */
export function ownChannel(): ChildChannel {
  return own!
}

/** Makes the job channel of this process. */
export function makeOwnChannel(fd: number): ChildChannel {
  return (own = new ChildChannel(fd))
}

/** A job channel: that of this child, or one for practice. */
export class ChildChannel {
  readonly #fd: number
  #isBroken = false

  constructor(fd: number) {
    this.#fd = fd
  }

  /**
   * Waits for the job. Returns null if the owner is gone or closed the channel before it sent one.
   *
   * @param receive reads the first bytes
   * @throws ProtocolError ERR_PROTOCOL, ERR_CONNECTION_ENDED
   */
  readJob(receive = (into: Buffer) => readSync(this.#fd, into)): { head: JobHead; args: Buffer } | null {
    const first = Buffer.allocUnsafe(FIRST_READ)
    let held = receive(first)
    if (held === 0) return null
    const readUntil = (wanted: number, into: Buffer): void => {
      while (held < wanted) {
        const got = readSync(this.#fd, into, held, wanted - held, null)
        if (got === 0)
          throw new ProtocolError('ERR_CONNECTION_ENDED', 'The owner closed the job channel in the middle of a job.')
        held += got
      }
    }
    readUntil(HEADER, first)
    const isLong = first.readInt32BE(0) === -1
    if (isLong) readUntil(LONG_HEADER, first)
    const start = isLong ? LONG_HEADER : HEADER
    const end = start + readFrameLength(first)
    let frame = first
    if (end > FIRST_READ) {
      frame = Buffer.allocUnsafe(end)
      first.copy(frame, 0, 0, held)
    }
    readUntil(end, frame)
    return decodeJob(frame.subarray(start, end))
  }

  /**
   * Tells the owner that this child begins its job. Returns false if nobody waits for it: the owner is gone, or gave
   * the start up. Then the job must not begin.
   */
  sayBegun(pid: number): boolean {
    this.#write(encodeFrame(encodeBegun(pid)))
    return !this.#isBroken
  }

  /** Sends one message. If the owner is gone, nobody reads it, and that is no error. */
  send(kind: SentByChild, body: Uint8Array): void {
    const payload = encodeChildMessage(kind, body)
    if (payload.length <= ONE_WRITE_LIMIT) return this.#write(encodeFrame(payload)) // each write wakes the owner
    this.#write(encodeFrameHeader(payload.length))
    this.#write(payload)
  }

  #write(bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length && !this.#isBroken; ) at += writeSync(this.#fd, bytes, at)
    } catch {
      this.#isBroken = true // EPIPE: the owner closed its end
    }
  }
}
