// Runs in: owner. The start method `forkserver`: a Launcher over a template, which is started again when it was lost.
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import os from 'node:os'
import { ProtocolError, TemplateError, UsageError } from '../../errors.js'
import { check, type Native } from '../../platform/native.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
import { within } from '../../promises/time-limit.js'
import { changeOf, unheeded } from '../../wire/environment.js'
import { encodeFrameHeader } from '../../wire/frames.js'
import { encodeJob, type JobHead } from '../../wire/job.js'
import { ChildDescriptors, closeStreams, pipeOf } from './child-stdio.js'
import type { ControlConnection } from './control-connection.js'
import type { Launched, Launcher, LaunchRequest } from './launcher.js'
import type { ForkedChild } from './pending-forks.js'

/**
 * Requests that the template has not answered, per connection. The template forks one at a time, so more in flight only fill the
 * socket with descriptors, of which the kernel allows each user a limited number in flight (ETOOMANYREFS).
 */
const MAX_UNANSWERED = 16

/** A template that answers nothing for so long, in milliseconds, is taken for stopped (SIGSTOP) or wedged. */
const PATIENCE_MS = 5_000

const CLOSED = 'This server is closed. Start a new one.'

/** What a connection needs to know of its template. */
export interface TemplateState {
  connection: ControlConnection
  /** The environment and working directory that the template started with; undefined where another process started it. */
  env: NodeJS.ProcessEnv | undefined
  cwd: string | undefined
  /** The process of the template and its end, where it is a child of ours. */
  process: ChildProcess | undefined
  ended: Promise<string> | undefined
  /** Whether others can reach the template: then it may have other owners. */
  hasAddress: boolean
}

/** A child that may not outlive us. */
interface Attached {
  /** Settles when its job channel is closed: it has ended, as far as one can see without the template. */
  silent: Promise<unknown>
  exited: Promise<unknown>
  /** Lets the event loop wait for it. */
  hold(): void
}

/** Makes a connection to a template that serves: starts one, or connects to one that another process started. */
export type Connector = (lifeline: number) => Promise<TemplateState>

/** Launches children by asking a template. */
export class TemplateLauncher implements Launcher {
  readonly startMethod = 'forkserver'
  readonly #native: Native
  readonly #connect: Connector
  /** The lifeline: every child that shall not outlive its owner holds the read end; the end of all writers kills it. */
  readonly #lifeline: { read: number; write: number }
  #isCut = false
  readonly #devNull: number
  #state: Promise<TemplateState> | undefined
  /** The last template that was ready, lost or not. */
  #latest: TemplateState | undefined
  readonly #attached = new Set<Attached>()
  #unanswered = 0
  readonly #warnedOf = new Set<string>()
  readonly #waiting: (() => void)[] = []
  #isClosed = false

  constructor(native: Native, connect: Connector) {
    this.#native = native
    this.#connect = connect
    const pipe = new Int32Array(2)
    check('pipe', native.pipe(pipe))
    for (const fd of pipe) native.closeAtEnd(fd) // a worker thread that is terminated runs nothing that could close them
    this.#lifeline = { read: pipe[0]!, write: pipe[1]! }
    this.#devNull = openSync('/dev/null', 'r+')
  }

  /** The connection that serves now; starts a template if there is none. */
  async ready(): Promise<TemplateState> {
    if (this.#isClosed || this.#isCut) throw new UsageError('ERR_INVALID_STATE', CLOSED)
    this.#state ??= this.#open()
    return this.#state
  }

  async #open(): Promise<TemplateState> {
    try {
      const state = await this.#connect(this.#lifeline.read)
      this.#latest = state
      state.connection.onLost(() => {
        this.#state = undefined // the next launch starts a new template
      })
      if (state.connection.isLost)
        throw new TemplateError('ERR_TEMPLATE_LOST', 'The template was lost as soon as it was ready.')
      return state
    } catch (cause) {
      this.#state = undefined
      // killAttached() ends a template that is being started, too.
      throw this.#isCut ? new UsageError('ERR_INVALID_STATE', CLOSED, { cause }) : cause
    }
  }

  async launch(request: LaunchRequest): Promise<Launched> {
    if (this.#unanswered >= MAX_UNANSWERED) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#unanswered++
    try {
      return await this.#launchNow(request)
    } finally {
      this.#unanswered--
      this.#waiting.shift()?.()
    }
  }

  async #launchNow(request: LaunchRequest): Promise<Launched> {
    const state = await this.ready()
    await state.connection.writable()
    try {
      return await this.#ask(state, request)
    } catch (error) {
      // Nothing was sent: the template went away before. A new one is as good.
      if (!(error instanceof ProtocolError && state.connection.isLost)) throw error
      return this.#ask(await this.ready(), request)
    }
  }

  async #ask(state: TemplateState, request: LaunchRequest): Promise<Launched> {
    const { connection } = state
    const descriptors = new ChildDescriptors(this.#native, this.#devNull)
    let channel: Socket | undefined
    try {
      const channelEnd = descriptors.pair()
      const stdio = request.stdio.map((target, index) => descriptors.of(target, index))
      const asked = connection.fork(Int32Array.of(channelEnd, ...stdio), request.detached)
      descriptors.closeChilds()
      const channelFd = descriptors.takeOwn()
      channel = readToTheEnd(new Socket({ fd: channelFd, readable: true, writable: true, allowHalfOpen: true }))
      request.follow(channel)
      sendJob(channel, this.#headOf(request, state), request.args)
      const child = await asked
      if (!request.detached) this.#follow(child, channel)
      // Made only now: a stream reads at once, and its 'end' must not come before the caller can listen for it.
      const streams = request.stdio.map((target, index) =>
        target === 'pipe' ? pipeOf(descriptors.takeOwn(), index) : null,
      )
      const close = (): void => closeStreams(streams)
      child.exited.then(close, close)
      return {
        pid: child.pid,
        stdio: streams,
        exited: child.exited,
        kill: (signal) => this.#kill(connection, child, channel!, channelFd, signal),
        holdLoop: (on) => holdLoop(child, channel!, on),
      }
    } catch (error) {
      descriptors.close()
      channel?.destroy()
      throw error
    }
  }

  #headOf({ head, cwd, env }: LaunchRequest, state: TemplateState): JobHead {
    const full: JobHead = { ...head }
    const change = state.env ? changeOf(state.env, env) : { whole: changeOf({}, env)?.set ?? {} }
    if (change) full.env = change
    if (change && 'set' in change) this.#warnOf(unheeded(change))
    if (cwd !== state.cwd) full.cwd = cwd
    return full
  }

  // Once for each variable: a difference that nobody is told of is the worst.
  #warnOf(names: readonly string[]): void {
    for (const name of names) {
      if (this.#warnedOf.has(name)) continue
      this.#warnedOf.add(name)
      const advice = `Give it to ForkServer.start({ env }), or start another server for such processes.`
      const text = `A process has another ${name} than its template, and Node reads it only when it starts: in the process itself the template's counts.`
      process.emitWarning(`${text} ${advice}`, { code: 'FORKSERVER_ENVIRONMENT' })
    }
  }

  #follow(child: ForkedChild, channel: Socket): void {
    const { exited } = child
    const silent = channel.closed ? Promise.resolve() : new Promise((resolve) => channel.once('close', resolve))
    const followed = { silent, exited, hold: () => holdLoop(child, channel, true) }
    this.#attached.add(followed)
    Promise.allSettled([silent, exited]).then(() => this.#attached.delete(followed))
  }

  #kill(
    connection: ControlConnection,
    child: ForkedChild,
    channel: Socket,
    channelFd: number,
    signal: NodeJS.Signals,
  ): boolean {
    // Directly, because a template may be lost, stopped, or waiting for a thread of its own to rest; and by it where that cannot be:
    // on an old kernel, in another pid namespace, or because the child itself closed its job channel.
    if (connection.sharesPids && !channel.destroyed) {
      const told = this.#native.signalHolder(child.pid, channelFd, os.constants.signals[signal])
      if (told === 1) return true
    }
    if (connection.isLost) return false
    child.signal(signal)
    return true
  }

  killAttached(): void {
    if (!this.#isCut) this.#native.close(this.#lifeline.write) // the kernel does the rest, whatever the template does
    this.#isCut = true
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const children = [...this.#attached]
    for (const { hold } of children) hold() // we wait for them, whether anybody else did or not
    await Promise.all(children.map(({ silent }) => silent))
    await this.#state?.catch(() => {}) // a template that is being started
    const exits = Promise.allSettled(children.map(({ exited }) => exited))
    const areKnown = (await within(PATIENCE_MS, exits)) !== undefined
    if (this.#latest) await this.#leave(this.#latest, areKnown)
    this.killAttached()
    this.#native.close(this.#lifeline.read)
    closeSync(this.#devNull)
  }

  /** Takes leave of the template, and waits for its end where we are its only owner. */
  async #leave({ connection, process: template, ended, hasAddress }: TemplateState, answers: boolean): Promise<void> {
    const owners = answers ? await within(PATIENCE_MS, connection.detach()) : undefined
    const isLost = connection.isLost
    connection.close()
    if (!template || !ended || owners) return
    // One that others can reach and that does not answer may serve them again once it is continued; if not, it leaves by itself.
    if (owners === undefined && hasAddress && !isLost) return
    template.ref()
    if ((await within(PATIENCE_MS, ended)) === undefined && !hasAddress) {
      template.kill('SIGKILL')
      await ended
    }
    template.unref()
  }
}

function holdLoop(child: ForkedChild, channel: Socket, on: boolean): void {
  child.holdLoop(on)
  if (on) channel.ref()
  else channel.unref()
}

function sendJob(channel: Socket, head: JobHead, args: Buffer): void {
  const payload = encodeJob(head, args)
  channel.cork()
  channel.write(encodeFrameHeader(payload.length))
  channel.write(payload)
  channel.uncork()
}
