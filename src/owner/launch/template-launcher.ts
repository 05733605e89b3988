// Runs in: owner. The start method `forkserver`: a Launcher that asks a template. If a template
// was lost, it starts a new one.
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import os from 'node:os'
import { ProtocolError } from '../../errors.js'
import { isErrno, type Native, systemError } from '../../platform/native.js'
import { rssOf } from '../../platform/process-state.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
import { setImmediate } from '../../platform/timers.js'
import { changeOf, unheeded } from '../../wire/environment.js'
import { encodeFrame, encodeFrameHeader } from '../../wire/frames.js'
import { encodeJob, type JobHead } from '../../wire/job.js'
import { AttachedChildren, holdLoop } from './attached-children.js'
import { ChildDescriptors, closeStreams, pipeOf, socketPair } from './child-stdio.js'
import type { ControlConnection } from './control-connection.js'
import { openIpc } from './ipc-channel.js'
import { JobChannelReader } from './job-channel-reader.js'
import type { Launched, Launcher, LaunchRequest, SpareCounts } from './launcher.js'
import { Lifeline } from './lifeline.js'
import type { ForkedChild } from './pending-forks.js'
import { SpareDemand } from './spare-demand.js'
import { type Spare, Spares } from './spares.js'
import { type Connector, type TemplateState, Templates } from './templates.js'
import { endUnansweredChild } from './unanswered-child.js'

/**
 * How many requests of one connection may wait for an answer. The template forks one child at a time,
 * so more requests would only fill the socket with descriptors. The kernel limits how many descriptors
 * of a user may be in sockets (ETOOMANYREFS).
 */
const MAX_UNANSWERED = 16

/** What a launcher needs to know of the options of its server. */
export interface TemplateOptions {
  /** How long a template may neither answer nor work, in milliseconds. */
  templateTimeout: number
  /** How many spares to keep; undefined to follow the load. */
  spares: number | undefined
}

/** The owner's end of a child's job channel. */
interface OwnChannel {
  channel: Socket
  reader: JobChannelReader
  /** Signals the child without the template; false if that cannot be. */
  direct(pid: number, signal: NodeJS.Signals): boolean
}

/** Launches children by asking a template. */
export class TemplateLauncher implements Launcher {
  readonly startMethod = 'forkserver'
  readonly #native: Native
  readonly #templates: Templates
  readonly #lifeline: Lifeline
  readonly #spares: Spares
  readonly #devNull: number
  readonly #attached = new AttachedChildren()
  #unanswered = 0
  readonly #waiting: (() => void)[] = []
  readonly #warnedOf = new Set<string>()
  #isClosed = false

  /** @throws ResourceError ERR_RESOURCE */
  constructor(native: Native, { templateTimeout, spares }: TemplateOptions, connect: Connector) {
    this.#native = native
    this.#lifeline = new Lifeline(native)
    const demand = new SpareDemand(spares, os.availableParallelism())
    this.#spares = new Spares(native, demand, () => this.#unanswered > 0)
    this.#templates = new Templates(connect, this.#lifeline, templateTimeout, () => this.#spares.letGo())
    try {
      this.#devNull = openSync('/dev/null', 'r+')
    } catch (error) {
      this.#lifeline.close()
      throw systemError(error as Error)
    }
  }

  /** The template that serves now. Starts one if there is none. */
  async ready(): Promise<TemplateState> {
    const state = await this.#templates.ready()
    this.#spares.serve(state)
    void this.#spares.fill()
    return state
  }

  async restart(): Promise<void> {
    await this.#templates.restart()
    await this.ready()
  }

  get spares(): SpareCounts {
    return this.#spares.counts
  }

  async launch(request: LaunchRequest): Promise<Launched> {
    if (this.#unanswered >= MAX_UNANSWERED) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#unanswered++
    this.#spares.started()
    try {
      return await this.#launchNow(request)
    } finally {
      this.#unanswered--
      this.#waiting.shift()?.()
      setImmediate(() => void this.#spares.fill()).unref()
    }
  }

  async #launchNow(request: LaunchRequest): Promise<Launched> {
    let state = await this.#templates.ready()
    await state.connection.writable()
    if (this.#templates.isLeaving(state)) state = await this.#templates.ready() // it was replaced meanwhile
    try {
      return await this.#ask(state, request)
    } catch (error) {
      // Nothing was sent, because the template had gone. A new one serves as well.
      if (!(error instanceof ProtocolError && state.connection.isLost)) throw error
      return this.#ask(await this.#templates.ready(), request)
    }
  }

  /** Gives the job to a spare, or asks for a child and sends it the job. */
  async #ask(state: TemplateState, request: LaunchRequest): Promise<Launched> {
    request.signal?.throwIfAborted()
    this.#spares.serve(state)
    const descriptors = new ChildDescriptors(this.#native, this.#devNull)
    let endChild: (() => void) | undefined
    try {
      const stdio = request.stdio.map((target, index) => descriptors.of(target, index))
      const job = partsOf(encodeJob(this.#headOf(request, state), request.args))
      const { asked, isSpare, channelFd, unsent } =
        this.#giveToSpare(request, stdio, job) ?? this.#askBy((fds) => state.connection.fork(fds, request), stdio, job)
      descriptors.closeChilds()
      const own = this.#openChannel(state, request, channelFd)
      endChild = () => endUnansweredChild(own.channel, own.reader, (pid) => void own.direct(pid, 'SIGKILL'))
      for (const bytes of unsent) own.channel.write(bytes)
      return this.#follow(state, request, descriptors, await asked, own, { isSpare })
    } catch (error) {
      descriptors.close()
      endChild?.()
      throw error
    }
  }

  launchNow(request: LaunchRequest, limitMs: number): Launched | undefined {
    const state = this.#templates.serving
    if (!state?.connection.isWritable) return undefined
    this.#spares.serve(state)
    this.#spares.started()
    const descriptors = new ChildDescriptors(this.#native, this.#devNull)
    try {
      const stdio = request.stdio.map((target, index) => descriptors.of(target, index))
      const job = partsOf(encodeJob(this.#headOf(request, state), request.args))
      // The job is sent only after the answer: a child that comes too late finds no job, and leaves.
      const { asked, isSpare, channelFd, unsent } =
        this.#giveToSpare(request, stdio, job) ??
        this.#askBy((fds) => state.connection.forkNow(fds, request, limitMs), stdio, job)
      descriptors.closeChilds()
      const own = this.#openChannel(state, request, channelFd)
      for (const bytes of unsent) own.channel.write(bytes)
      return this.#follow(state, request, descriptors, asked, own, { isSpare })
    } catch (error) {
      descriptors.close()
      throw error
    } finally {
      setImmediate(() => void this.#spares.fill()).unref()
    }
  }

  /**
   * Sends the job to a spare, with the descriptors. Undefined if there is none that can take it: a child that outlives
   * its owner or leads a group is born as such.
   */
  #giveToSpare(
    { detached, killTree, outlives }: LaunchRequest,
    stdio: readonly number[],
    [first, ...rest]: Parts,
  ): Asked<ForkedChild> | undefined {
    if (detached || killTree || outlives) return undefined
    for (let spare: Spare | undefined; (spare = this.#spares.take()); ) {
      const sent = this.#native.send(spare.channelFd, first, Int32Array.from(stdio))
      if (sent > 0)
        return {
          asked: spare.child,
          isSpare: true,
          channelFd: spare.channelFd,
          unsent: [first.subarray(sent), ...rest],
        }
      const hasEnded = isErrno(sent, 'EPIPE') || isErrno(sent, 'ECONNRESET')
      this.#spares.giveBack(spare, hasEnded)
      if (!hasEnded) break // a descriptor cannot be sent: the request to the template will fail, too, and say why
    }
    return undefined
  }

  #askBy<Child>(ask: (descriptors: Int32Array) => Child, stdio: readonly number[], unsent: Parts): Asked<Child> {
    const [channelFd, childsEnd] = socketPair(this.#native)
    try {
      return { asked: ask(Int32Array.of(childsEnd, ...stdio)), isSpare: false, channelFd, unsent }
    } catch (error) {
      this.#native.close(channelFd)
      throw error
    } finally {
      this.#native.close(childsEnd)
    }
  }

  #openChannel({ connection }: TemplateState, { killTree }: LaunchRequest, fd: number): OwnChannel {
    const channel = readToTheEnd(new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }))
    const direct = (pid: number, signal: NodeJS.Signals): boolean =>
      !channel.destroyed && this.#kill(connection, killTree ? -pid : pid, fd, signal)
    return { channel, reader: new JobChannelReader(channel), direct }
  }

  /** The child exists: from here to its end. */
  #follow(
    state: TemplateState,
    request: LaunchRequest,
    descriptors: ChildDescriptors,
    child: ForkedChild,
    { channel, reader, direct }: OwnChannel,
    { isSpare }: { isSpare: boolean },
  ): Launched {
    const { connection } = state
    const kill = (signal: NodeJS.Signals): boolean =>
      direct(child.pid, signal) || tellTemplate(connection, child, signal)
    if (!request.detached && !request.outlives) this.#attached.add(connection, child, channel, () => kill('SIGKILL'))
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
      isSpare,
      channel: reader,
      stdio: streams,
      ipc,
      exited: child.exited,
      isStale: () => this.#templates.isReplaced(state),
      rssBytes: () => (connection.sharesPids ? rssOf(child.pid) : undefined),
      kill,
      holdLoop: (on) => holdLoop(child, channel, on),
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
    await Promise.all([this.#attached.ended(), this.#spares.close()])
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

/** A child that exists or was asked for, and what is left of its job to send. */
interface Asked<Child> {
  asked: Child
  isSpare: boolean
  channelFd: number
  unsent: readonly Buffer[]
}

/** The bytes of a job. */
type Parts = readonly [Buffer, ...Buffer[]]

/** A larger job is not copied to make one piece of it, in bytes. */
const MAX_JOINED = 64 * 1024

function partsOf(payload: Buffer): Parts {
  return payload.length > MAX_JOINED ? [encodeFrameHeader(payload.length), payload] : [encodeFrame(payload)]
}
