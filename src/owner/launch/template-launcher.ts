// Runs in: owner. The start method `forkserver`: a Launcher that asks a template. If a template
// was lost, it starts a new one.
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import os from 'node:os'
import { ProtocolError } from '../../errors.js'
import { type Native, systemError } from '../../platform/native.js'
import { rssOf } from '../../platform/process-state.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
import { changeOf, unheeded } from '../../wire/environment.js'
import { encodeFrameHeader } from '../../wire/frames.js'
import { encodeJob, type JobHead } from '../../wire/job.js'
import { AttachedChildren, holdLoop } from './attached-children.js'
import { ChildDescriptors, closeStreams, pipeOf } from './child-stdio.js'
import type { ControlConnection } from './control-connection.js'
import { openIpc } from './ipc-channel.js'
import { JobChannelReader } from './job-channel-reader.js'
import type { Launched, Launcher, LaunchRequest } from './launcher.js'
import { Lifeline } from './lifeline.js'
import type { ForkedChild } from './pending-forks.js'
import { type Connector, type TemplateState, Templates } from './templates.js'
import { endUnansweredChild } from './unanswered-child.js'

/**
 * How many requests of one connection may wait for an answer. The template forks one child at a time,
 * so more requests would only fill the socket with descriptors. The kernel limits how many descriptors
 * of a user may be in sockets (ETOOMANYREFS).
 */
const MAX_UNANSWERED = 16

/** Launches children by asking a template. */
export class TemplateLauncher implements Launcher {
  readonly startMethod = 'forkserver'
  readonly #native: Native
  readonly #templates: Templates
  readonly #lifeline: Lifeline
  readonly #devNull: number
  readonly #attached = new AttachedChildren()
  #unanswered = 0
  readonly #waiting: (() => void)[] = []
  readonly #warnedOf = new Set<string>()
  #isClosed = false

  /** @throws ResourceError ERR_RESOURCE */
  constructor(native: Native, templateTimeout: number, connect: Connector) {
    this.#native = native
    this.#lifeline = new Lifeline(native)
    this.#templates = new Templates(connect, this.#lifeline, templateTimeout)
    try {
      this.#devNull = openSync('/dev/null', 'r+')
    } catch (error) {
      this.#lifeline.close()
      throw systemError(error as Error)
    }
  }

  /** The template that serves now. Starts one if there is none. */
  ready(): Promise<TemplateState> {
    return this.#templates.ready()
  }

  restart(): Promise<void> {
    return this.#templates.restart()
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
    let state = await this.ready()
    await state.connection.writable()
    if (this.#templates.isLeaving(state)) state = await this.ready() // it was replaced meanwhile
    try {
      return await this.#ask(state, request)
    } catch (error) {
      // Nothing was sent, because the template had gone. A new one serves as well.
      if (!(error instanceof ProtocolError && state.connection.isLost)) throw error
      return this.#ask(await this.ready(), request)
    }
  }

  /** Sends the request and the job, and waits for the answer. */
  async #ask(state: TemplateState, request: LaunchRequest): Promise<Launched> {
    request.signal?.throwIfAborted()
    const { connection } = state
    const descriptors = new ChildDescriptors(this.#native, this.#devNull)
    let endChild: (() => void) | undefined
    try {
      const channelEnd = descriptors.pair()
      const stdio = request.stdio.map((target, index) => descriptors.of(target, index))
      const asked = connection.fork(Int32Array.of(channelEnd, ...stdio), request)
      descriptors.closeChilds()
      const channelFd = descriptors.takeOwn()
      const channel = readToTheEnd(new Socket({ fd: channelFd, readable: true, writable: true, allowHalfOpen: true }))
      const reader = new JobChannelReader(channel)
      const direct = (pid: number, signal: NodeJS.Signals): boolean =>
        !channel.destroyed && this.#kill(connection, request.killTree ? -pid : pid, channelFd, signal)
      endChild = () => endUnansweredChild(channel, reader, (pid) => void direct(pid, 'SIGKILL'))
      sendJob(channel, this.#headOf(request, state), request.args)
      const child = await asked
      const kill = (signal: NodeJS.Signals): boolean =>
        direct(child.pid, signal) || tellTemplate(connection, child, signal)
      if (!request.detached) this.#attached.add(connection, child, channel, () => kill('SIGKILL'))
      // Made only now: a stream reads at once, and its 'end' must not come before the caller can listen for it.
      let ipc: ChildProcess | null = null
      const streams = request.stdio.map((target, index) => {
        if (target === 'ipc') ipc = openIpc(descriptors.takeOwn(), request.serialization)
        return target === 'pipe' ? pipeOf(descriptors.takeOwn(), index) : null
      })
      const close = (): void => closeStreams(streams)
      child.exited.then(close, close)
      return {
        pid: child.pid,
        channel: reader,
        stdio: streams,
        ipc,
        exited: child.exited,
        isStale: () => this.#templates.isReplaced(state),
        rssBytes: () => (connection.sharesPids ? rssOf(child.pid) : undefined),
        kill,
        holdLoop: (on) => holdLoop(child, channel, on),
      }
    } catch (error) {
      descriptors.close()
      endChild?.()
      throw error
    }
  }

  #headOf({ head, cwd, env, detached, stdio, serialization = 'json' }: LaunchRequest, state: TemplateState): JobHead {
    const full: JobHead = { ...head }
    const ipcFd = stdio.indexOf('ipc')
    if (ipcFd >= 0) full.ipc = { fd: ipcFd, serialization }
    const change = state.env ? changeOf(state.env, env) : { whole: changeOf({}, env)?.set ?? {} }
    if (change) full.env = change
    if (change && 'set' in change) this.#warnOf(unheeded(change))
    if (cwd !== state.cwd) full.cwd = cwd
    if (detached) full.detached = true
    return full
  }

  // Warns once for each variable: without a warning it is hard to find out why a variable has no effect.
  #warnOf(names: readonly string[]): void {
    for (const name of names) {
      if (this.#warnedOf.has(name)) continue
      this.#warnedOf.add(name)
      const text = `The ${name} of a process differs from that of its template, and Node reads it only when it starts.`
      const advice = 'The value of the template counts. Pass another one to ForkServer.start({ env }).'
      process.emitWarning(`${text} ${advice}`, { code: 'FORKSERVER_ENVIRONMENT' })
    }
  }

  /**
   * Directly, because a template may be lost or stopped.
   *
   * @param pid of the child; negative for its process group
   * @returns false if that cannot be: on an old kernel, in another pid namespace, or if the child has closed its job
   *   channel or ended
   */
  #kill(connection: ControlConnection, pid: number, channelFd: number, signal: NodeJS.Signals): boolean {
    return connection.sharesPids && this.#native.signalHolder(pid, channelFd, os.constants.signals[signal]) === 1
  }

  killAttached(): void {
    this.#attached.kill() // and all that they started, if they have killTree
    this.#lifeline.cut() // the kernel kills the rest, even if the template does not answer
    this.#templates.kill()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#templates.stopReplacing()
    await this.#attached.ended()
    await this.#templates.close()
    this.#lifeline.close()
    closeSync(this.#devNull)
  }
}

/** The template knows whether the pid is still the child's, because it reaps the child. */
function tellTemplate(connection: ControlConnection, child: ForkedChild, signal: NodeJS.Signals): boolean {
  if (connection.isLost) return false
  child.signal(signal)
  return true
}

function sendJob(channel: Socket, head: JobHead, args: Buffer): void {
  const payload = encodeJob(head, args)
  channel.cork()
  channel.write(encodeFrameHeader(payload.length))
  channel.write(payload)
  channel.uncork()
}
