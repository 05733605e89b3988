// Runs in: owner. The descriptors that a forked child is given, and the owner's ends of those that are pipes.
import type { Duplex } from 'node:stream'
import { check, type Native } from '../../platform/native.js'
import { newSocket } from '../../platform/new-socket.js'
import type { StdioTarget } from './launcher.js'

/**
 * Makes a connected pair.
 * @returns the owner's end, and the child's
 * @throws ResourceError ERR_RESOURCE
 */
export function socketPair(native: Native): [own: number, childs: number] {
  const ends = new Int32Array(2)
  check('socketpair', native.socketPair(ends))
  return [ends[0]!, ends[1]!]
}

/** The descriptors of one child that is being started. Each one made here is either closed here or given away. */
export class ChildDescriptors {
  readonly #native: Native
  readonly #devNull: number
  readonly #own: number[] = []
  readonly #childs: number[] = []

  constructor(native: Native, devNull: number) {
    this.#native = native
    this.#devNull = devNull
  }

  /** Makes a connected pair and keeps both ends. Returns the child's. */
  #pair(): number {
    const [own, childs] = socketPair(this.#native)
    this.#native.closeAtEnd(own) // a worker thread that is terminated meanwhile runs no code that could close it
    this.#own.push(own)
    this.#childs.push(childs)
    return childs
  }

  /**
   * The descriptors that become those of the child, in order.
   * @throws ResourceError ERR_RESOURCE
   */
  ofAll(targets: readonly StdioTarget[]): number[] {
    return targets.map((target, index) => {
      if (target === 'pipe' || target === 'ipc') return this.#pair()
      if (target === 'ignore') return this.#devNull
      return target === 'inherit' ? index : target
    })
  }

  /** The child has them now. */
  closeChilds(): void {
    for (const fd of this.#childs.splice(0)) this.#native.close(fd)
  }

  /** The owner's end of the earliest pair that is left: the taker closes it. */
  takeOwn(): number {
    const fd = this.#own.shift()!
    this.#native.keepOpen(fd)
    return fd
  }

  /** Closes the descriptors that nobody took. */
  close(): void {
    this.closeChilds()
    for (const fd of this.#own.splice(0)) this.#native.close(fd)
  }
}

/**
 * The owner's end of a pipe: of stdin (0) to write, of stdout and stderr to read, of any other for both. It closes
 * when the child's end does.
 */
export function pipeOf(fd: number, index: number): Duplex {
  const stream = newSocket({ fd, readable: index !== 0, writable: index === 0 || index > 2 })
  stream.on('error', () => stream.destroy()) // EPIPE, ECONNRESET: the child ended, and its exit is reported
  return stream
}

/**
 * Does what child_process does when a child ends: a pipe to it is closed, and a pipe that nobody
 * reads does not stay open.
 */
export function closeStreams(streams: readonly (Duplex | null)[]): void {
  const [stdin, ...others] = streams
  stdin?.destroy()
  for (const stream of others) if (stream?.readableFlowing === null) stream.resume()
}
