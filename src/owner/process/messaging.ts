// Runs in: owner. The messages between a process and its owner over Node's IPC channel, with the names that a
// ChildProcess has for them.
import type { ChildProcess, MessageOptions, SendHandle, Serializable } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { UsageError } from '../../errors.js'

/** Events of a process that has 'ipc' in `stdio`. */
export interface ProcessEvents {
  /**
   * The process sent a message, and perhaps a handle. Messages that come before there is a listener are kept until the
   * channel closes.
   */
  message: [message: Serializable, handle: SendHandle]
  /** The IPC channel was closed, by either side. */
  disconnect: []
  /** A message without a callback could not be sent. */
  error: [error: Error]
}

/** Is called when a message is sent, or with the error. */
export type Sent = (error: Error | null) => void

/** Gives a process its IPC channel when it has started. */
export const useIpc = Symbol('useIpc')

/** Sends and receives messages, once there is a channel. */
export class Messaging extends EventEmitter<ProcessEvents> {
  #ipc: ChildProcess | null = null
  #isForwarding = false

  constructor() {
    super()
    this.on('newListener' as keyof ProcessEvents, (event: unknown) => {
      if (event === 'message') this.#forward()
    })
  }

  /** @internal For Process. */
  [useIpc](ipc: ChildProcess | null): void {
    this.#ipc = ipc
    ipc?.on('disconnect', () => this.emit('disconnect'))
    ipc?.on('error', (error) => this.emit('error', error))
    if (this.listenerCount('message') > 0) this.#forward()
  }

  /** Node keeps messages until somebody listens. So nobody listens before the user does. */
  #forward(): void {
    if (!this.#ipc || this.#isForwarding) return
    this.#isForwarding = true
    this.#ipc.on('message', (message, handle) => this.emit('message', message, handle))
  }

  /** The IPC channel, with its ref() and unref(), or null if there is none or it is closed. */
  get channel(): ChildProcess['channel'] {
    return this.#ipc?.channel ?? null
  }

  /** Whether messages can be sent. */
  get connected(): boolean {
    return this.#ipc?.connected ?? false
  }

  /**
   * Sends a message to the process, where it is a 'message' event of `process`.
   *
   * @param message what the option `serialization` can express
   * @param handle a net.Socket, net.Server or dgram.Socket, which the process then shares
   * @param options `keepOpen`: whether a sent socket stays open here; default false
   * @param callback is called when the message is sent, or with the error. Without it an error is an 'error' event
   * @returns false if the channel is closed, or so much waits in it that the caller should wait
   * @throws UsageError ERR_INVALID_STATE if the process was not started, or has no 'ipc' in `stdio`; a TypeError of
   *   Node's for what cannot be a message or a handle
   * @example
   * const p = new Process(jobs.render, [page], { server, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] })
   * p.on('message', (message) => console.log(message))
   * await p.start()
   * p.send({ theme: 'dark' })
   */
  send(message: Serializable, handle?: SendHandle, options?: MessageOptions, callback?: Sent): boolean
  send(message: Serializable, callback?: Sent): boolean
  send(message: Serializable, handle: SendHandle, callback?: Sent): boolean
  send(message: Serializable, ...rest: unknown[]): boolean {
    const { send } = this.#opened('send()') as { send(...args: unknown[]): boolean }
    return send.call(this.#ipc, message, ...rest)
  }

  /**
   * Closes the channel, when all messages are sent. Both sides get a 'disconnect' event.
   * @throws UsageError ERR_INVALID_STATE if the process was not started, or has no 'ipc' in `stdio`
   */
  disconnect(): void {
    this.#opened('disconnect()').disconnect()
  }

  #opened(what: string): ChildProcess {
    if (this.#ipc) return this.#ipc
    const text = `This Process has no IPC channel for ${what}, because it was not started or its stdio has no 'ipc'.`
    const advice = "Pass `stdio: ['inherit', 'inherit', 'inherit', 'ipc']`, and await start() first."
    throw new UsageError('ERR_INVALID_STATE', `${text} ${advice}`)
  }
}
