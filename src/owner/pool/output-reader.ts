// Runs in: owner. Captured output, the owner's side: reads what the tasks of one worker write to stdout and stderr.
//
// Each stream is a socket, and is read while the task runs. So this process holds no output back, and a task that
// writes faster than its reader waits, as for any full pipe. task-output.ts knows to which task a part belongs, because
// the worker waits until everything is read before it begins its next task (child/worker/captured-output.ts).
import { Buffer } from 'node:buffer' // a program may delete the global one
import { readSync } from 'node:fs'
import type { Socket } from 'node:net'
import {
  check,
  isErrno,
  type Native,
  RECEIVED_DESCRIPTORS,
  resourceError,
  WATCH_READABLE,
  type Watcher,
} from '../../platform/native.js'
import type { StdioOption } from '../process/process-options.js'

/** The streams that are captured. */
export type OutputStream = 'stdout' | 'stderr'
const STREAMS = ['stdout', 'stderr'] as const

/** Takes a part of what was written. */
export type OutputTaker = (bytes: Buffer, stream: OutputStream) => void

const PIECE_BYTES = 64 * 1024
/** How much of a stream is read in one turn of the event loop: a task that writes without pause must not block it. */
const TURN_BYTES = 1024 * 1024
/**
 * If a stream has more than this left when its worker has stopped writing, another program writes
 * to it: one that the task started.
 */
const REST_BYTES = 16 * 1024 * 1024

/** The captured output of one worker. */
export interface OutputReader {
  /** For the worker's process. */
  readonly stdio: readonly [StdioOption, StdioOption]
  /** The process has started: what it writes is read from now on. */
  open(streams: readonly unknown[], taker: OutputTaker): void
  /** Reads and delivers everything that was written until now. */
  drain(): void
  holdLoop(on: boolean): void
  close(): void
}

interface Stream {
  readonly name: OutputStream
  fd: number
  childsEnd: number
  watcher?: Watcher
}

/** Reads sockets of its own. It tells the worker when it does so. */
export class SocketReader implements OutputReader {
  readonly #native: Native
  readonly #streams: Stream[] = []
  readonly #reads: Int32Array
  readonly #piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  readonly #descriptors = new Int32Array(RECEIVED_DESCRIPTORS)
  /** The owner's own count of reads: the shared word is only for the worker. */
  #count = 0
  #taker: OutputTaker = () => {}

  /**
   * @param reads the word that counts reads, see worker-memory.ts
   * @throws ResourceError ERR_RESOURCE
   */
  constructor(native: Native, reads: Int32Array) {
    this.#native = native
    this.#reads = reads
    try {
      for (const name of STREAMS) {
        const ends = new Int32Array(2)
        check('socketpair', native.socketPair(ends))
        this.#streams.push({ name, fd: ends[0]!, childsEnd: ends[1]! })
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  get stdio(): readonly [number, number] {
    return [this.#streams[0]!.childsEnd, this.#streams[1]!.childsEnd]
  }

  open(_streams: readonly unknown[], taker: OutputTaker): void {
    this.#taker = taker
    for (const stream of this.#streams) {
      this.#closeChildsEnd(stream)
      const watcher = this.#native.watch(stream.fd, () => this.#onReadable(stream))
      if (typeof watcher === 'number') throw resourceError('epoll_ctl', -watcher)
      stream.watcher = watcher
      this.#native.watchFor(watcher, WATCH_READABLE)
    }
  }

  #onReadable(stream: Stream): void {
    if (this.#read(stream, TURN_BYTES) || !stream.watcher) return
    this.#native.watchFor(stream.watcher, 0) // the stream has ended
  }

  drain(): void {
    for (const stream of this.#streams) this.#read(stream, REST_BYTES)
  }

  /** Returns false at the end of the stream. */
  #read(stream: Stream, most: number): boolean {
    for (let room = most; room > 0 && stream.fd >= 0; ) {
      const length = this.#readPiece(stream.fd)
      if (length <= 0) return isErrno(length, 'EAGAIN')
      room -= length
      this.#taker(Buffer.from(this.#piece.subarray(0, length)), stream.name)
    }
    return true
  }

  #readPiece(fd: number): number {
    Atomics.store(this.#reads, 0, ++this.#count)
    const length = this.#native.receive(fd, this.#piece, this.#descriptors)
    Atomics.store(this.#reads, 0, ++this.#count)
    const passed = this.#descriptors.subarray(1, 1 + Math.max(0, this.#descriptors[0]!))
    for (const descriptor of passed) this.#native.close(descriptor) // nobody asked for them
    return length
  }

  holdLoop(on: boolean): void {
    for (const { watcher } of this.#streams) if (watcher) this.#native.holdLoop(watcher, on ? 1 : 0)
  }

  close(): void {
    for (const stream of this.#streams) {
      this.#closeChildsEnd(stream)
      if (stream.watcher) this.#native.unwatch(stream.watcher)
      delete stream.watcher
      if (stream.fd >= 0) this.#native.close(stream.fd)
      stream.fd = -1
    }
  }

  #closeChildsEnd(stream: Stream): void {
    if (stream.childsEnd >= 0) this.#native.close(stream.childsEnd)
    stream.childsEnd = -1
  }
}

/** Reads the streams of a child process, for owners without the addon. */
export class StreamReader implements OutputReader {
  readonly stdio = ['pipe', 'pipe'] as const
  readonly #piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  #sockets: readonly Socket[] = []
  #taker: OutputTaker = () => {}

  open(streams: readonly unknown[], taker: OutputTaker): void {
    this.#taker = taker
    this.#sockets = [streams[1], streams[2]] as Socket[]
    for (const [index, socket] of this.#sockets.entries())
      socket.on('data', (bytes: Buffer) => taker(bytes, STREAMS[index]!))
  }

  drain(): void {
    for (const [index, socket] of this.#sockets.entries()) {
      const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
      for (let room = REST_BYTES, length = 1; fd >= 0 && room > 0 && length > 0; room -= length) {
        length = this.#readPiece(fd)
        if (length > 0) this.#taker(Buffer.from(this.#piece.subarray(0, length)), STREAMS[index]!)
      }
    }
  }

  #readPiece(fd: number): number {
    try {
      return readSync(fd, this.#piece)
    } catch {
      return 0 // EAGAIN: all is read
    }
  }

  holdLoop(on: boolean): void {
    for (const socket of this.#sockets) {
      if (on) socket.ref()
      else socket.unref()
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
