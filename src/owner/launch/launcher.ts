// Runs in: owner. The contract of a start method: launch(request) gives a process with a job channel. Types only.
import type { ChildProcess } from 'node:child_process'
import type { Duplex } from 'node:stream'
import type { ChildMessage, JobHead, Serialization } from '../../wire/job.js'
import type { Exit } from './exit.js'

/** One descriptor of a child: as the owner's, /dev/null, a pipe to the owner, the IPC channel, or this descriptor. */
export type StdioTarget = 'inherit' | 'ignore' | 'pipe' | 'ipc' | number

export interface LaunchRequest {
  /** The descriptors 0, 1, 2 and so on: three or more, at most MAX_STDIO. At most one is 'ipc'. */
  stdio: readonly StdioTarget[]
  /** Of the IPC channel; default json. */
  serialization?: Serialization | undefined
  detached: boolean
  /** It may outlive its owner without being detached, as any process of child_process. Only for launchNow(). */
  outlives?: boolean
  /**
   * The process leads a process group of its own. Signals go to the whole group, and the rest of
   * the group ends with the process.
   */
  killTree: boolean
  cwd: string
  /** The whole environment of the child. */
  env: NodeJS.ProcessEnv
  /** The job, without what the start method fills in (cwd, env, preload). */
  head: JobHead
  /** The structured clone of the arguments. */
  args: Buffer
  /** Aborted when nobody waits for the process any more. If the request was not sent yet, it is not sent. */
  signal?: AbortSignal
}

/** Takes the messages of a child. */
export interface JobChannelListener {
  onMessage(message: ChildMessage): void
  /** The child broke the protocol. The end follows. */
  onBroken(error: Error): void
  /** Nothing more comes. */
  onEnd(): void
}

/** The owner's end of a job channel. */
export interface JobChannel {
  /** Passes `listener` all messages: at once those that came already, and later those that come. */
  listen(listener: JobChannelListener): void
  /** Resolves when all is read that the child sent, and no more comes. */
  readonly ended: Promise<void>
  /** Whether the child has said that it begins its job. Spawned children do not say it. */
  readonly hasBegun: boolean
}

/** A process that exists. */
export interface Launched {
  readonly pid: number
  /** Whether it waited for its job. If it was killed then, the job can run in another process. */
  readonly isSpare?: boolean
  /** The messages of the child. They are kept until there is a listener. */
  readonly channel: JobChannel
  /**
   * The owner's ends of the pipes, or null where no pipe was asked for: stdin to write, stdout and
   * stderr to read, others for both.
   */
  readonly stdio: readonly (Duplex | null)[]
  /** The owner's end of the IPC channel, or null without one: sends messages, and emits those that come. */
  readonly ipc: ChildProcess | null
  /**
   * Settles when the end of the process is known. Rejects with TemplateError ERR_TEMPLATE_LOST if it cannot be known.
   */
  readonly exited: Promise<Exit>
  /** Whether its server was restarted since: it began with what the template before had loaded. */
  isStale(): boolean
  /** The memory that it has in use, in bytes; 0 if it has ended, undefined if that cannot be seen. */
  rssBytes(): number | undefined
  /** Sends a signal; false if the process has ended. */
  kill(signal: NodeJS.Signals): boolean
  /** Sets whether it keeps the owner's event loop running until it ends. At first it does. */
  holdLoop(on: boolean): void
}

/** What became of the spares of a server. */
export interface SpareCounts {
  /** How many wait for a job now. */
  readonly parked: number
  /** How many got one. */
  readonly used: number
  /** How many ended without one. */
  readonly unused: number
}

/** Starts processes by one start method. */
export interface Launcher {
  readonly startMethod: 'forkserver' | 'spawn'
  /** Why it does not fork, or undefined if it does: a clause. */
  readonly reason?: string | undefined
  /** How many forked children crashed before they began their jobs. */
  readonly crashes?: number
  /** What became of its spares, if it forks. */
  readonly spares?: SpareCounts | undefined
  /**
   * Starts one process.
   * @throws ResourceError ERR_RESOURCE, TemplateError ERR_TEMPLATE_LOST, ERR_TEMPLATE_START; the reason of the
   *   request's signal
   */
  launch(request: LaunchRequest): Promise<Launched>
  /**
   * Starts one process at once, if a spare waits or a template is ready. The event loop stands still until the template
   * has answered.
   * @returns undefined if there is none that can be asked now
   * @throws ResourceError ERR_RESOURCE; ProtocolError ERR_CONNECTION_ENDED if the template is lost or does not answer
   *   in `limitMs` milliseconds. Then no process has begun the job, and none will
   */
  launchNow?(request: LaunchRequest, limitMs: number): Launched | undefined
  /**
   * Starts a new template beside the one that serves, which then takes over. If that fails, the old one serves on.
   * @throws as ForkServer.start(); UsageError ERR_INVALID_STATE if it is closed meanwhile
   */
  restart(): Promise<void>
  /** Its server was restarted, and starts processes by another launcher: those that it has started are stale. */
  outdate?(): void
  /** Kills every process that is not detached, also those that are being started. */
  killAttached(): void
  /**
   * Waits until every process that is not detached has ended, and frees all that the launcher
   * holds. The launcher starts nothing any more.
   */
  close(): Promise<void>
}
