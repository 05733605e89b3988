// Runs in: owner. Its end of the control socket. The owner proves itself once. Then it asks for
// children and is told how they ended.
import os from 'node:os'
import { ProtocolError } from '../../errors.js'
import type { Native } from '../../platform/native.js'
import { hasEnded, workDone } from '../../platform/process-state.js'
import { RunningTimer } from '../../promises/running-timer.js'
import { within } from '../../promises/time-limit.js'
import type { AuthKey } from '../../wire/auth/auth-key.js'
import { MAX_HANDSHAKE_PAYLOAD } from '../../wire/auth/handshake.js'
import { encodeControl, MAX_CONTROL_PAYLOAD, PROTOCOL_VERSION } from '../../wire/control-codec.js'
import { FrameDecoder } from '../../wire/frames.js'
import { AnswerDeadline, type AwaitedAnswer } from './answer-deadline.js'
import { type ChildFlags, flagsOfChild } from './child-flags.js'
import { closed, tooLate, tooSlow, wrongPeer } from './control-errors.js'
import { Attaching, type Phase, Proving, Serving } from './control-phases.js'
import { ControlSocket } from './control-socket.js'
import { type ForkedChild, Requests } from './pending-forks.js'
import { clientsRefused } from './refusal-events.js'

/** A handshake may take this many times `templateTimeout`: other clients may come first. */
const OPENING_TIMEOUTS = 2

/** How long to wait until Node reports how a lost template ended, in milliseconds. */
const FATE_TIMEOUT_MS = 200

/** What a connection is made of. */
export interface ControlOptions {
  native: Native
  /** A connected socket. The connection closes it, whatever happens. */
  fd: number
  key: AuthKey
  /** Read end of the owner's lifeline. The caller keeps it. */
  lifeline: number
  /** Says in words how the template ended, if it is a child of this process. */
  ended: Promise<string> | undefined
  /** How long the template may neither answer nor work, in milliseconds. */
  templateTimeout: number
  /** The event loop does not wait for the handshake. */
  isBackground?: boolean | undefined
}

/** One authenticated connection to a template. */
export class ControlConnection {
  readonly #socket: ControlSocket
  readonly #decoder = new FrameDecoder({ maxLength: MAX_HANDSHAKE_PAYLOAD })
  readonly #ended: Promise<string> | undefined
  readonly #templateTimeout: number
  readonly #requests: Requests
  readonly #serving: Serving
  readonly #answers: AnswerDeadline
  #phase: Phase | undefined
  #nextId = 1
  /** How many requests of forkNow() were not answered in time, and have not been since. */
  #late = 0
  #loss: Error | undefined
  /** Why this owner gave the template up, in words; undefined if it did not. */
  #fault: string | undefined
  #onLost: (() => void) | undefined
  /** Process id of the template, once attached. */
  templatePid = 0

  private constructor({ native, fd, ended, templateTimeout }: ControlOptions) {
    this.#ended = ended
    this.#templateTimeout = templateTimeout
    this.#answers = new AnswerDeadline({
      templateTimeout,
      workDone: () => (this.sharesPids ? workDone(this.templatePid) : undefined),
      onMissed: () => this.#missedAnswer(),
    })
    this.#requests = new Requests({
      signal: (id, signal) => this.#signal(id, signal),
      expect: () => this.#answers.expect(),
      onHold: (holds) => this.#socket.holdLoop(holds),
    })
    this.#serving = new Serving(this.#requests, (message) => clientsRefused(this.templatePid, message))
    this.#socket = new ControlSocket(native, fd, {
      onData: (chunk) => this.#read(chunk),
      onClose: () => void this.#failAll(this.#lose(closed())),
    })
  }

  /**
   * Proves both sides to each other, and attaches as an owner.
   * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT, ERR_PEER_REFUSED; ProtocolError ERR_PROTOCOL,
   *   ERR_CONNECTION_ENDED
   */
  static async open(options: ControlOptions): Promise<ControlConnection> {
    const connection = new ControlConnection(options)
    if (options.isBackground) connection.#socket.holdLoop(false)
    const openTimeout = OPENING_TIMEOUTS * options.templateTimeout
    const deadline = new RunningTimer(openTimeout, () => connection.#giveUp('is silent', tooLate(openTimeout)))
    deadline.start()
    try {
      connection.#checkPeer()
      await connection.#prove(options.key)
      await connection.#attach(options.lifeline)
    } catch (error) {
      connection.#socket.close()
      throw error
    } finally {
      deadline.stop()
    }
    connection.#socket.holdLoop(false)
    return connection
  }

  /** Calls back once, when the template is gone or given up. */
  onLost(callback: () => void): void {
    this.#onLost = callback
  }

  get isLost(): boolean {
    return this.#loss !== undefined
  }

  /** Whether this owner gave the template up: it does not answer, or breaks the protocol. It may still be there. */
  get isGivenUp(): boolean {
    return this.#fault !== undefined
  }

  /**
   * Whether process ids mean the same on both sides. They do not across pid namespaces (containers). For a client that
   * connected in the moment of a restart the kernel still names the template before, so this cannot be known: false.
   */
  get sharesPids(): boolean {
    const { peerPid } = this.#socket
    return peerPid === process.pid || peerPid === this.templatePid // a socket pair was made by its owner
  }

  #checkPeer(): void {
    const uid = this.#socket.peerUid()
    if (uid !== process.geteuid!()) throw wrongPeer(uid)
  }

  async #prove(key: AuthKey): Promise<void> {
    const proving = new Proving(key, (payloads) => this.#socket.write(...payloads))
    this.#enter(proving)
    await proving.done
    this.#decoder.maxLength = MAX_CONTROL_PAYLOAD
  }

  async #attach(lifeline: number): Promise<void> {
    const attaching = new Attaching((pid) => {
      this.templatePid = pid
      this.#enter(this.#serving)
    })
    this.#enter(attaching)
    this.#sendNow(encodeControl({ name: 'attach', version: PROTOCOL_VERSION }), Int32Array.of(lifeline))
    await attaching.done
    if (this.#loss) throw this.#loss // by what came together with the answer
  }

  #enter(phase: Phase): void {
    this.#phase = phase
    if (this.#loss) phase.fail(this.#loss)
  }

  #sendNow(payload: Buffer, descriptors: Int32Array): void {
    if (this.#loss) throw this.#loss
    if (!this.#socket.send(payload, descriptors)) throw this.#lose(closed())
  }

  #read(chunk: Buffer): void {
    this.#answers.heard()
    try {
      for (const payload of this.#decoder.push(chunk)) this.#phase?.receive(payload)
    } catch (error) {
      this.#giveUp('broke the protocol', error as Error)
    }
  }

  /**
   * Asks for a child. The descriptors [channel, stdin, stdout, stderr, ...] stay the caller's, to be closed when this
   * returns.
   * @throws ResourceError ERR_RESOURCE; TemplateError ERR_TEMPLATE_LOST; ProtocolError ERR_CONNECTION_ENDED if
   *   nothing was sent
   */
  fork(descriptors: Int32Array, child: ChildFlags): Promise<ForkedChild> {
    return this.#requests.add(this.#sendFork(descriptors, flagsOfChild(child)), { holdsLoop: true })
  }

  /**
   * As fork(), and waits for the answer without the event loop. What else comes meanwhile is taken as always.
   *
   * @param limitMs how long, in milliseconds. After it a child may still be forked. It leaves if its job channel is
   *   closed
   * @throws also ProtocolError ERR_CONNECTION_ENDED when the time is over
   */
  forkNow(descriptors: Int32Array, child: ChildFlags, limitMs: number): ForkedChild {
    let answer: ForkedChild | Error | undefined
    const onAnswer = (given: ForkedChild | Error): void => {
      answer ??= given
    }
    const id = this.#sendFork(descriptors, flagsOfChild(child))
    const asked = this.#requests.add(id, { holdsLoop: true, onAnswer })
    asked.catch(() => {})
    const isOpen = this.#socket.readUntil(() => answer !== undefined || this.isLost, limitMs)
    if (!isOpen) this.#lose(closed())
    if (!answer) {
      this.#late++
      const settle = (): void => void this.#late--
      asked.then(settle, settle)
    }
    answer ??= this.#loss ?? tooSlow(limitMs)
    if (answer instanceof Error) throw answer
    return answer
  }

  /**
   * Asks for a spare: it gets its standard streams with its job. It does not keep the event loop running.
   * @throws as fork()
   */
  forkSpare(channel: number, flags: number): Promise<ForkedChild> {
    return this.#requests.add(this.#sendFork(Int32Array.of(channel), flags), { holdsLoop: false })
  }

  #sendFork(descriptors: Int32Array, flags: number): number {
    const id = this.#nextId
    this.#sendNow(encodeControl({ name: 'fork', id, flags, stdio: descriptors.length - 1 }), descriptors)
    this.#nextId = id < 0xffffffff ? id + 1 : 1
    return id
  }

  /** Whether a request can be sent now, and the template has answered all that forkNow() waited for. */
  get isWritable(): boolean {
    return !this.#loss && this.#late === 0 && this.#socket.isDrained
  }

  /** Resolves when a request can be sent: its descriptors cannot wait in the stream's queue, as signals do. */
  async writable(): Promise<void> {
    if (this.#socket.isDrained) return
    const answer = this.#answers.expect() // a template that reads makes room
    while (!this.#socket.isDrained && !this.#loss) await this.#socket.drained()
    answer.settle()
  }

  /** Resolves when every child that was asked for has ended, or when this cannot be known any more. */
  get idle(): Promise<void> {
    return this.#requests.idle
  }

  /** Asks the template to give its listening socket to the next one. `heir` stays the caller's. */
  async handOver(heir: number): Promise<void> {
    await this.writable()
    if (!this.#loss) this.#sendNow(encodeControl({ name: 'handOver' }), Int32Array.of(heir))
  }

  /** The job channel of this child is closed. If the process has ended, the template has to report its exit. */
  expectExit(pid: number): AwaitedAnswer {
    return this.#answers.expect(() => !this.sharesPids || hasEnded(pid))
  }

  #signal(id: number, signal: NodeJS.Signals): void {
    // Through the stream, which keeps what a full socket does not take: a thousand children may be killed at once.
    if (this.#requests.has(id) && !this.#loss)
      this.#socket.write(encodeControl({ name: 'signal', id, signal: os.constants.signals[signal] }))
  }

  /**
   * From here on nothing can be asked for. Requests fail only when the socket is closed: until
   * then their answers may still come.
   */
  #lose(error: Error): Error {
    if (this.#loss) return this.#loss
    this.#loss = error
    this.#phase?.fail(error)
    this.#onLost?.()
    return error
  }

  #giveUp(fault: string, error: Error): void {
    this.#fault ??= fault
    this.#lose(error)
    this.#socket.close()
  }

  #missedAnswer(): void {
    const fault = `did not answer for ${this.#templateTimeout} ms (option templateTimeout)`
    this.#giveUp(fault, new ProtocolError('ERR_CONNECTION_ENDED', `The template ${fault}.`))
  }

  async #failAll(cause: Error): Promise<void> {
    this.#answers.stop()
    this.#requests.failAll(`The template (pid ${this.templatePid}) ${await this.fate()}`, cause)
  }

  /** What became of a template that was lost, as a clause: `was killed by SIGKILL`. */
  async fate(): Promise<string> {
    return this.#fault ?? (this.#ended && (await within(FATE_TIMEOUT_MS, this.#ended))) ?? 'is gone'
  }

  /**
   * Detaches from the template. Resolves with how many other owners the template has. If it has none, it ends.
   * @throws ProtocolError ERR_CONNECTION_ENDED
   */
  async detach(): Promise<number> {
    if (this.#loss) throw this.#loss
    this.#socket.holdLoop(true)
    this.#socket.write(encodeControl({ name: 'detach' }))
    const answer = this.#answers.expect()
    try {
      return await this.#serving.detaching()
    } finally {
      answer.settle()
    }
  }

  /** Ends the connection. Nothing more is told of children that live on. */
  close(): void {
    this.#socket.close()
  }
}
