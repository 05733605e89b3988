// Runs in: owner. The start method `forkserver`: a Launcher over a template, which is started again when it was lost.
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { ControlConnection } from './control.js'
import { changeOf } from './environment.js'
import { ProtocolError, TemplateError, UsageError } from './errors.js'
import { encodeFrameHeader } from './frames.js'
import { encodeJob, type JobHead } from './job.js'
import type { Launched, Launcher, LaunchRequest, StdioTarget } from './launcher.js'
import { check, type Native } from './native.js'

/**
 * Requests that the template has not answered, per connection. The template forks one at a time, so more in flight only fill the
 * socket with descriptors, of which the kernel allows each user a limited number in flight (ETOOMANYREFS).
 */
const MAX_UNANSWERED = 16

/** How long a template may take to leave, in milliseconds. */
const LEAVE_GRACE_MS = 1_000

/** What a connection needs to know of its template. */
export interface TemplateState {
  connection: ControlConnection
  /** The environment and working directory that the template started with; undefined where another process started it. */
  env: NodeJS.ProcessEnv | undefined
  cwd: string | undefined
  /** Settles when the template has ended, where it is a child of ours. */
  ended: Promise<unknown> | undefined
  /** Ends it by force. */
  kill: (() => void) | undefined
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
  readonly #devNull: number
  #state: Promise<TemplateState> | undefined
  #unanswered = 0
  readonly #waiting: (() => void)[] = []
  #isClosed = false

  constructor(native: Native, connect: Connector) {
    this.#native = native
    this.#connect = connect
    const pipe = new Int32Array(2)
    check('pipe', native.pipe(pipe))
    this.#lifeline = { read: pipe[0]!, write: pipe[1]! }
    this.#devNull = openSync('/dev/null', 'r+')
  }

  /** The connection that serves now; starts a template if there is none. */
  async ready(): Promise<TemplateState> {
    if (this.#isClosed) throw new UsageError('ERR_INVALID_STATE', 'This server is closed. Start a new one.')
    this.#state ??= this.#open()
    return this.#state
  }

  async #open(): Promise<TemplateState> {
    try {
      const state = await this.#connect(this.#lifeline.read)
      state.connection.onLost(() => {
        this.#state = undefined // the next launch starts a new template
      })
      if (state.connection.isLost)
        throw new TemplateError('ERR_TEMPLATE_LOST', 'The template was lost as soon as it was ready.')
      return state
    } catch (error) {
      this.#state = undefined
      throw error
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
    const own: number[] = []
    const childs: number[] = []
    const pair = (): number => {
      const ends = new Int32Array(2)
      check('socketpair', this.#native.socketPair(ends))
      own.push(ends[0]!)
      childs.push(ends[1]!)
      return ends[1]!
    }
    let channel: Socket | undefined
    try {
      const channelEnd = pair()
      const stdio = request.stdio.map((target, index) => this.#descriptorOf(target, index, pair))
      const asked = connection.fork(Int32Array.of(channelEnd, ...stdio), request.detached)
      this.#closeAll(childs)
      channel = new Socket({ fd: own.shift()!, readable: true, writable: true, allowHalfOpen: true })
      request.follow(channel)
      sendJob(channel, this.#headOf(request, state), request.args)
      const child = await asked
      // Made only now: a stream reads at once, and its 'end' must not come before the caller can listen for it.
      const streams = request.stdio.map((target, index) => (target === 'pipe' ? pipeOf(own.shift()!, index) : null))
      const [stdin, stdout, stderr] = streams
      const closeStreams = (): void => {
        // As child_process does: nobody hears stdin any more, and what nobody reads must not stay open.
        stdin?.destroy()
        for (const stream of [stdout, stderr]) if (stream?.readableFlowing === null) stream.resume()
      }
      child.exited.then(closeStreams, closeStreams)
      return {
        pid: child.pid,
        detached: request.detached,
        stdio: [stdin!, stdout!, stderr!],
        exited: child.exited,
        kill: (signal) => this.#kill(connection, child, channel!, signal),
      }
    } catch (error) {
      this.#closeAll(childs)
      this.#closeAll(own)
      channel?.destroy()
      throw error
    }
  }

  #closeAll(fds: number[]): void {
    for (const fd of fds.splice(0)) this.#native.close(fd)
  }

  #descriptorOf(target: StdioTarget, index: number, pair: () => number): number {
    if (target === 'pipe') return pair()
    if (target === 'ignore') return this.#devNull
    return target === 'inherit' ? index : target
  }

  #headOf({ head, cwd, env }: LaunchRequest, state: TemplateState): JobHead {
    const full: JobHead = { ...head }
    const change = state.env ? changeOf(state.env, env) : { whole: changeOf({}, env)?.set ?? {} }
    if (change) full.env = change
    if (cwd !== state.cwd) full.cwd = cwd
    return full
  }

  #kill(
    connection: ControlConnection,
    child: Awaited<ReturnType<ControlConnection['fork']>>,
    channel: Socket,
    signal: NodeJS.Signals,
  ): boolean {
    try {
      if (!connection.isLost) child.signal(signal)
      // Without a template to ask: while the job channel is open the child has not ended, so the pid is still its own.
      else if (!channel.closed && !channel.readableEnded) process.kill(child.pid, signal)
      else return false
      return true
    } catch {
      return false
    }
  }

  /** Ends the connection and, with the lifeline, every child that is not detached. The template leaves when it has no owner. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const state = await this.#state?.catch(() => undefined)
    state?.connection.close()
    for (const fd of [this.#lifeline.write, this.#lifeline.read, this.#devNull]) closeSync(fd)
    if (!state?.ended) return
    // It leaves as soon as it sees the end of the control socket; the timer is for one that is stopped (SIGSTOP) or wedged.
    const grace = setTimeout(() => state.kill?.(), LEAVE_GRACE_MS)
    await state.ended
    clearTimeout(grace)
  }
}

/** The owner's end of a pipe for stdin (0), stdout or stderr, which closes when the child's end does. */
function pipeOf(fd: number, index: number): Socket {
  const stream = new Socket({ fd, readable: index !== 0, writable: index === 0 })
  stream.on('error', () => stream.destroy()) // EPIPE, ECONNRESET: the child ended; its exit tells
  return stream
}

function sendJob(channel: Socket, head: JobHead, args: Buffer): void {
  const payload = encodeJob(head, args)
  channel.cork()
  channel.write(encodeFrameHeader(payload.length))
  channel.write(payload)
  channel.uncork()
}
