// Runs in: owner. Its end of the control socket: proves itself once, then asks for children and hears how they ended.

import { Socket } from 'node:net'
import os from 'node:os'
import { AuthError, ProtocolError } from '../../errors.js'
import { check, isErrno, type Native, resourceError } from '../../platform/native.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
import { clearTimeout, setTimeout, sleep } from '../../platform/timers.js'
import type { AuthKey } from '../../wire/auth/auth-key.js'
import { Handshake, MAX_HANDSHAKE_PAYLOAD, roleKeys } from '../../wire/auth/handshake.js'
import {
  decodeControl,
  encodeControl,
  FLAG_DETACHED,
  FLAG_KILL_TREE,
  MAX_CONTROL_PAYLOAD,
  PROTOCOL_VERSION,
} from '../../wire/control-codec.js'
import type { ControlMessageToOwner } from '../../wire/control-messages.js'
import { encodeFrame, encodeFrames, FrameDecoder } from '../../wire/frames.js'
import { type ForkedChild, Requests } from './pending-forks.js'

/** The template has this long to answer the handshake, in milliseconds. */
const HANDSHAKE_DEADLINE_MS = 10_000

/** How long to wait for the word how a lost template ended, in milliseconds. */
const FATE_PATIENCE_MS = 200

const closed = (): ProtocolError => new ProtocolError('ERR_CONNECTION_ENDED', 'The template closed the control socket.')

/** One authenticated connection to a template. */
export class ControlConnection {
  readonly #native: Native
  readonly #fd: number
  readonly #socket: Socket
  readonly #decoder = new FrameDecoder({ maxLength: MAX_HANDSHAKE_PAYLOAD })
  readonly #ended: Promise<string> | undefined
  readonly #peerPid: number
  readonly #requests: Requests
  #receive: (payload: Buffer) => void = () => {}
  #fail: (error: Error) => void = () => {}
  #nextId = 1
  #loss: Error | undefined
  #onLost: (() => void) | undefined
  #onDetached: (owners: number) => void = () => {
    throw new ProtocolError('ERR_PROTOCOL', 'The template sent detached, which nobody asked for.')
  }
  /** Process id of the template, once attached. */
  templatePid = 0

  private constructor(native: Native, fd: number, ended: Promise<string> | undefined) {
    this.#native = native
    this.#ended = ended
    this.#fd = fd
    this.#peerPid = native.peerPid(fd)
    this.#socket = readToTheEnd(new Socket({ fd, readable: true, writable: true }))
    this.#requests = new Requests({
      signal: (id, signal) => this.#signal(id, signal),
      onHold: (holds) => {
        if (holds) this.#socket.ref()
        else this.#socket.unref()
      },
    })
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.#socket.on('error', () => {}) // 'close' follows, and tells
    this.#socket.on('close', () => void this.#failAll(this.#lose(closed())))
  }

  /**
   * Proves both sides to each other on a connected socket and attaches as an owner. Takes over `fd`, whatever happens. `ended`
   * tells in words how the template ended, where it is a child of this process.
   * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT, ERR_PEER_REFUSED; ProtocolError ERR_PROTOCOL
   */
  static async open(
    native: Native,
    fd: number,
    key: AuthKey,
    lifeline: number,
    ended: Promise<string> | undefined,
  ): Promise<ControlConnection> {
    const uid = check('getsockopt', native.peerUid(fd))
    const connection = new ControlConnection(native, fd, ended)
    try {
      if (uid !== process.geteuid!()) {
        throw new AuthError(
          'ERR_PEER_REFUSED',
          `The process behind the control socket runs as user ${uid}, not as ours. Pass the address of your own server.`,
        )
      }
      await connection.#prove(key)
      await connection.#attach(lifeline)
    } catch (error) {
      connection.#socket.destroy()
      throw error
    }
    connection.#socket.unref()
    return connection
  }

  /** Calls back once, when the template is gone. */
  onLost(callback: () => void): void {
    this.#onLost = callback
  }

  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /** Whether process ids mean the same on both sides: not where they run in different pid namespaces (containers). */
  get sharesPids(): boolean {
    return this.#peerPid === process.pid || this.#peerPid === this.templatePid // a socket pair names who made it
  }

  #next<T>(receive: (payload: Buffer, settle: (value: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#fail = reject
      this.#receive = (payload) => receive(payload, resolve)
      if (this.#loss) reject(this.#loss)
    })
  }

  async #prove(key: AuthKey): Promise<void> {
    const handshake = new Handshake('connector', roleKeys(key.borrowBytes(), 'connector'))
    handshake.start()
    const deadline = setTimeout(() => {
      const text = `The template did not finish the handshake within ${HANDSHAKE_DEADLINE_MS} ms (it is ${handshake.state}).`
      this.#fail(new AuthError('ERR_AUTH_TIMEOUT', `${text} Another program may listen at this address.`))
    }, HANDSHAKE_DEADLINE_MS)
    try {
      await this.#next<void>((payload, done) => {
        const { send, failure } = handshake.receive(payload)
        if (send.length > 0) this.#socket.write(encodeFrames(send)) // at once: each write wakes the template
        if (failure) throw failure
        if (handshake.isDone) done()
      })
    } finally {
      clearTimeout(deadline)
    }
    this.#decoder.maxLength = MAX_CONTROL_PAYLOAD
  }

  async #attach(lifeline: number): Promise<void> {
    const attached = this.#next<number>((payload, done) => {
      const message = decodeControl('template to owner', payload)
      if (message.name !== 'attached')
        throw new ProtocolError('ERR_PROTOCOL', `The template sent ${message.name} before attached.`)
      if (message.version !== PROTOCOL_VERSION) {
        throw new ProtocolError(
          'ERR_PROTOCOL',
          `The template speaks version ${message.version} of the control protocol, this is ${PROTOCOL_VERSION}. Use one version of forkserver.`,
        )
      }
      done(message.pid)
    })
    this.#sendNow(encodeControl({ name: 'attach', version: PROTOCOL_VERSION }), Int32Array.of(lifeline))
    this.templatePid = await attached
    this.#receive = (payload) => this.#answer(decodeControl('template to owner', payload))
    this.#fail = () => {}
  }

  #sendNow(payload: Buffer, descriptors: Int32Array): void {
    if (this.#loss) throw this.#loss
    const frame = encodeFrame(payload)
    const sent = this.#native.send(this.#fd, frame, descriptors)
    if (sent === frame.length) return
    if (isErrno(sent, 'EPIPE') || isErrno(sent, 'ECONNRESET')) {
      throw this.#lose(closed()) // what it said before is still read
    }
    // A request is smaller than what a socket takes at once or refuses whole; EAGAIN is a template that reads nothing any more.
    throw sent < 0
      ? resourceError('sendmsg', -sent)
      : new ProtocolError('ERR_PROTOCOL', 'The control socket took a part of a message.')
  }

  #read(chunk: Buffer): void {
    try {
      for (const payload of this.#decoder.push(chunk)) this.#receive(payload)
    } catch (error) {
      this.#lose(error as Error)
      this.#socket.destroy()
    }
  }

  /**
   * Asks for a child. The descriptors [channel, stdin, stdout, stderr, ...] stay the caller's, to be closed when this returns.
   * @throws ResourceError ERR_RESOURCE; TemplateError ERR_TEMPLATE_LOST; ProtocolError ERR_CONNECTION_ENDED if nothing was sent
   */
  fork(descriptors: Int32Array, child: { detached: boolean; killTree: boolean }): Promise<ForkedChild> {
    const id = this.#nextId
    const flags = (child.detached ? FLAG_DETACHED : 0) | (child.killTree ? FLAG_KILL_TREE : 0)
    this.#sendNow(encodeControl({ name: 'fork', id, flags, stdio: descriptors.length - 1 }), descriptors)
    this.#nextId = id < 0xffffffff ? id + 1 : 1
    return this.#requests.add(id)
  }

  /**
   * Settles when a request can be sent. Signals wait in the stream's queue while the socket is full, and the descriptors of a request
   * can only go past that queue.
   */
  async writable(): Promise<void> {
    while (this.#socket.writableLength > 0 && !this.#loss) {
      await new Promise<void>((resolve) => {
        const settle = (): void => {
          this.#socket.off('drain', settle).off('close', settle)
          resolve()
        }
        this.#socket.on('drain', settle).on('close', settle)
      })
    }
  }

  #signal(id: number, signal: NodeJS.Signals): void {
    // Through the stream, which keeps what a full socket does not take: a thousand children may be killed at once.
    if (this.#requests.has(id))
      this.#socket.write(encodeFrame(encodeControl({ name: 'signal', id, signal: os.constants.signals[signal] })))
  }

  #answer(message: ControlMessageToOwner): void {
    if (message.name === 'attached') throw new ProtocolError('ERR_PROTOCOL', 'The template attached twice.')
    if (message.name === 'detached') return this.#onDetached(message.owners)
    this.#requests.answer(message)
  }

  /** From here on nothing can be asked for. Requests fail when the socket is closed: until then their answers may still come. */
  #lose(error: Error): Error {
    if (this.#loss) return this.#loss
    this.#loss = error
    this.#fail(error)
    this.#onLost?.()
    return error
  }

  async #failAll(cause: Error): Promise<void> {
    // The end of the socket is seen before the end of the process, by a moment; where there is none to see, nobody waits for it.
    const patience = new AbortController()
    const late = sleep(FATE_PATIENCE_MS, 'is gone', { signal: patience.signal })
    const fate = this.#ended ? await Promise.race([this.#ended, late]) : 'is gone'
    patience.abort()
    late.catch(() => {})
    this.#requests.failAll(`The template (pid ${this.templatePid}) ${fate}`, cause)
  }

  /**
   * Takes leave. Resolves with how many other owners the template has; with none it leaves.
   * @throws ProtocolError ERR_CONNECTION_ENDED
   */
  detach(): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.#loss) return reject(this.#loss)
      this.#fail = reject
      this.#onDetached = resolve
      this.#socket.ref()
      this.#socket.write(encodeFrame(encodeControl({ name: 'detach' })))
    })
  }

  /** Ends the connection. Children of it that live on are not heard of again. */
  close(): void {
    this.#socket.destroy()
  }
}
