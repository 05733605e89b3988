// Runs in: owner. The start method `forkserver`: a Launcher that asks a template. If a template
// was lost, it starts a new one.
import type { ChildProcess } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import os from 'node:os'
import { ProtocolError } from '../../errors.js'
import { isErrno, type Native, systemError } from '../../platform/native.js'
import { rssOf } from '../../platform/process-state.js'
import { AttachedChildren, expectExit, holdLoop, silence } from './attached-children.js'
import { flagsOfChild } from './child-flags.js'
import { ChildDescriptors, closeStreams, pipeOf, socketPair } from './child-stdio.js'
import type { ControlConnection } from './control-connection.js'
import { identityOf } from './identity.js'
import { openIpc } from './ipc-channel.js'
import { JobEncoder } from './job-encoder.js'
import type { Launched, Launcher, LaunchRequest, SpareCounts } from './launcher.js'
import { Lifeline } from './lifeline.js'
import { OutlivingChildren } from './outliving-children.js'
import { OwnChannel } from './own-channel.js'
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

/** A start that is under way. */
interface Start {
  state: TemplateState
  request: LaunchRequest
  descriptors: ChildDescriptors
  /** What the child gets as its descriptors 0, 1, 2 and so on. */
  stdio: readonly number[]
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
  readonly #outliving = new OutlivingChildren()
  readonly #encoder = new JobEncoder()
  #unanswered = 0
  readonly #waiting: (() => void)[] = []
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

  outdate(): void {
    this.#templates.outdate()
  }

  get spares(): SpareCounts {
    return this.#spares.counts
  }

  async launch(request: LaunchRequest): Promise<Launched> {
    if (this.#unanswered >= MAX_UNANSWERED) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#unanswered++
    this.#spares.started(flagsOfChild(request))
    try {
      return await this.#launchWhenReady(request)
    } finally {
      this.#unanswered--
      this.#waiting.shift()?.()
      this.#spares.fillSoon()
    }
  }

  async #launchWhenReady(request: LaunchRequest): Promise<Launched> {
    let state = await this.#templates.ready()
    await state.connection.writable()
    const isReplaced = this.#templates.isLeaving(state) || this.#templates.isReplaced(state)
    if (isReplaced) state = await this.#templates.ready() // meanwhile
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
    try {
      const start = { state, request, descriptors, stdio: descriptors.ofAll(request.stdio) }
      return this.#useSpare(start) ?? (await this.#fork(start))
    } catch (error) {
      descriptors.close()
      throw error
    }
  }

  launchNow(request: LaunchRequest, limitMs: number): Launched | undefined {
    const state = this.#templates.serving
    if (!state) void this.ready().catch(() => {}) // it was lost: later calls find a new one
    if (!state?.connection.isWritable) return undefined
    if (state.identity !== undefined && state.identity !== identityOf()) return undefined
    this.#spares.serve(state)
    this.#spares.started(flagsOfChild(request))
    this.#spares.fillSoon()
    const descriptors = new ChildDescriptors(this.#native, this.#devNull)
    try {
      const start = { state, request, descriptors, stdio: descriptors.ofAll(request.stdio) }
      return this.#useSpare(start) ?? this.#forkNow(start, limitMs)
    } catch (error) {
      descriptors.close()
      throw error
    }
  }

  /** Sends the job to a spare, with the descriptors. Undefined if there is none that can take it. */
  #useSpare(start: Start): Launched | undefined {
    const { state, request, stdio } = start
    if (this.#spares.counts.parked === 0) return undefined
    const [first, ...rest] = this.#encoder.encode(request, state)
    for (let spare: Spare | undefined; (spare = this.#spares.take(flagsOfChild(request))); ) {
      const sent = this.#native.send(spare.channelFd, first, Int32Array.from(stdio))
      if (sent > 0) {
        const own = this.#openChannel(start, spare.channelFd)
        own.write([first.subarray(sent), ...rest])
        return this.#follow(start, spare.child, own, { isSpare: true })
      }
      const hasEnded = isErrno(sent, 'EPIPE') || isErrno(sent, 'ECONNRESET')
      this.#spares.giveBack(spare, hasEnded)
      if (!hasEnded) break // a descriptor cannot be sent: the request to the template will fail, too, and say why
    }
    return undefined
  }

  /** The job is encoded while the template forks. */
  async #fork(start: Start): Promise<Launched> {
    const { state, request } = start
    const { asked, channelFd } = this.#askBy(start, (descriptors) => state.connection.fork(descriptors, request))
    const own = this.#openChannel(start, channelFd)
    try {
      own.write(this.#encoder.encode(request, state))
    } catch (error) {
      own.socket.destroy() // the child finds no job, and leaves
      asked.catch(() => {})
      throw error
    }
    try {
      return this.#follow(start, await asked, own, { isSpare: false })
    } catch (error) {
      endUnansweredChild(own)
      throw error
    }
  }

  /** The job is sent only after the answer: a child that comes too late finds none, and leaves. */
  #forkNow(start: Start, limitMs: number): Launched {
    const { state, request } = start
    const job = this.#encoder.encode(request, state)
    const ask = (descriptors: Int32Array): ForkedChild => state.connection.forkNow(descriptors, request, limitMs)
    const { asked: child, channelFd } = this.#askBy(start, ask)
    const own = this.#openChannel(start, channelFd)
    own.write(job)
    return this.#follow(start, child, own, { isSpare: false })
  }

  /** Asks for a child. `channelFd` is the owner's end of its job channel. */
  #askBy<Child>({ stdio }: Start, ask: (descriptors: Int32Array) => Child): { asked: Child; channelFd: number } {
    const [channelFd, childsEnd] = socketPair(this.#native)
    try {
      return { asked: ask(Int32Array.of(childsEnd, ...stdio)), channelFd }
    } catch (error) {
      this.#native.close(channelFd)
      throw error
    } finally {
      this.#native.close(childsEnd)
    }
  }

  /** The child has its descriptors, or the template has them for it. */
  #openChannel({ state, request, descriptors }: Start, fd: number): OwnChannel {
    descriptors.closeChilds()
    return new OwnChannel(this.#native, state.connection, fd, request)
  }

  /** The child exists: from here to its end. */
  #follow(
    { state, request, descriptors }: Start,
    child: ForkedChild,
    own: OwnChannel,
    { isSpare }: { isSpare: boolean },
  ): Launched {
    const { connection } = state
    const kill = (signal: NodeJS.Signals): boolean =>
      own.signal(child.pid, signal) || tellTemplate(connection, child, signal)
    const isAttached = !request.detached && !request.outlives
    // In another pid namespace nobody can see whether a child lives on without its channel, as a daemon may.
    if (isAttached || connection.sharesPids) void silence(own.socket).then(() => expectExit(connection, child))
    if (isAttached) this.#attached.add(child, own.socket, () => kill('SIGKILL'))
    else if (!request.detached) this.#outliving.add(child)
    // Made only now: a stream reads at once, and its 'end' must not come before the caller can listen for it.
    let ipc: ChildProcess | null = null
    const streams = request.stdio.map((target, index) => {
      if (target === 'ipc') ipc = openIpc(descriptors.takeOwn(), request.serialization)
      return target === 'pipe' ? pipeOf(descriptors.takeOwn(), index) : null
    })
    const ended = (): void => {
      closeStreams(streams)
      this.#spares.fillNext()
    }
    child.exited.then(ended, ended)
    return {
      pid: child.pid,
      isSpare,
      channel: own.reader,
      stdio: streams,
      ipc,
      exited: child.exited,
      isStale: () => this.#templates.isStale(state),
      rssBytes: () => (connection.sharesPids ? rssOf(child.pid) : undefined),
      kill,
      holdLoop: (on) => holdLoop(child, own.socket, on),
    }
  }

  killAttached(): void {
    this.#outliving.leave()
    this.#attached.kill() // and all that they started, if they have killTree
    this.#lifeline.cut() // the kernel kills the rest, even if the template does not answer
    this.#templates.kill()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#templates.stopReplacing()
    await Promise.all([this.#attached.ended(), this.#spares.close()])
    await this.#outliving.ended()
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
