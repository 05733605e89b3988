// Runs in: owner. What the tasks of one worker write to stdout and stderr, where a pool captures it.
//
// Each stream is a file in memory and not a pipe: the worker notes how long it is when a task ends, so that every byte belongs to a task,
// however far ahead the worker is of its owner; a task never waits for a reader; and what a dying process wrote last is there.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { check, findNative, type Native } from '../../platform/native.js'

/** The streams that are captured. */
export type OutputStream = 'stdout' | 'stderr'
const STREAMS = ['stdout', 'stderr'] as const

/** Takes a part of what was written. */
export type OutputTaker = (bytes: Buffer, stream: OutputStream) => void

interface File {
  fd: number
  /** Up to here it was handed over. */
  at: number
}

/** The files of one worker. */
export class Output {
  readonly #native: Native | undefined
  readonly #files: readonly [File, File]

  /** @throws ResourceError ERR_RESOURCE */
  constructor() {
    const found = findNative()
    this.#native = 'native' in found ? found.native : undefined
    this.#files = [
      { fd: this.#open(), at: 0 },
      { fd: this.#open(), at: 0 },
    ]
  }

  #open(): number {
    if (this.#native) return check('memfd_create', this.#native.newSharedMemory(0))
    const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-output-'))
    const fd = openSync(path.join(folder, 'stream'), 'ax+', 0o600)
    rmSync(folder, { recursive: true })
    return fd
  }

  /** Of stdout and stderr, for the worker's process. */
  get descriptors(): readonly [number, number] {
    return [this.#files[0].fd, this.#files[1].fd]
  }

  /** Hands over what was written until a task ended: up to these lengths of both files. */
  take(ends: readonly [number, number], taker: OutputTaker): void {
    for (const [index, file] of this.#files.entries()) {
      if (ends[index]! <= file.at) continue
      const length = Math.min(ends[index]!, fstatSync(file.fd).size) - file.at
      if (length <= 0) continue
      const bytes = Buffer.allocUnsafe(length)
      const read = readSync(file.fd, bytes, 0, length, file.at)
      this.#native?.freeSharedMemory(file.fd, file.at, length)
      file.at += length
      taker(bytes.subarray(0, read), STREAMS[index]!)
    }
  }

  /** Hands over the rest. */
  takeRest(taker: OutputTaker): void {
    this.take([fstatSync(this.#files[0].fd).size, fstatSync(this.#files[1].fd).size], taker)
  }

  close(): void {
    for (const { fd } of this.#files) closeSync(fd)
  }
}
