// Runs in: owner. The owner's end of a child's job channel. As long as it is open, the child can be signalled directly.
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net'
import os from 'node:os'
import type { Native } from '../../platform/native.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
import type { ControlConnection } from './control-connection.js'
import { JobChannelReader } from './job-channel-reader.js'

/**
 * What comes on any job channel is read into this memory, and copied from there. Otherwise a stream takes 64 KiB for
 * each of the short messages of a child: a tenth of the owner's work for a process.
 */
const INCOMING = Buffer.allocUnsafeSlow(64 * 1024)

/** The owner's end of one job channel. */
export class OwnChannel {
  readonly socket: Socket
  readonly reader: JobChannelReader
  readonly #native: Native
  readonly #connection: ControlConnection
  readonly #fd: number
  readonly #isTree: boolean

  /** @param fd is closed with the channel */
  constructor(native: Native, connection: ControlConnection, fd: number, { killTree }: { killTree: boolean }) {
    this.socket = readToTheEnd(new Socket(this.#optionsOf(fd)))
    this.reader = new JobChannelReader(this.socket)
    this.#native = native
    this.#connection = connection
    this.#fd = fd
    this.#isTree = killTree
  }

  #optionsOf(fd: number): SocketConstructorOpts & ConnectOpts {
    const callback = (length: number, bytes: Uint8Array): true => {
      this.reader.read(Buffer.from(bytes.subarray(0, length)))
      return true
    }
    return { fd, readable: true, writable: true, allowHalfOpen: true, onread: { buffer: INCOMING, callback } }
  }

  write(job: readonly Buffer[]): void {
    for (const bytes of job) if (bytes.length > 0) this.socket.write(bytes)
  }

  /**
   * Signals the child, or its process group, without the template, which may be lost or stopped.
   *
   * @returns false if that cannot be: on an old kernel, in another pid namespace, or if the child has closed its job
   *   channel or ended
   */
  signal(pid: number, signal: NodeJS.Signals): boolean {
    if (this.socket.destroyed || !this.#connection.sharesPids) return false
    return this.#native.signalHolder(this.#isTree ? -pid : pid, this.#fd, os.constants.signals[signal]) === 1
  }
}
