// Runs in: owner. The contract of a start method: launch(request) gives a process with a job channel. Types only.
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { JobHead } from './job.js'

/** How a process ended. Both are null where nobody could observe it. */
export interface Exit {
  exitCode: number | null
  signal: NodeJS.Signals | null
  /** What it used, where the start method can tell. */
  usage?: ResourceUsage
}

/** What a child used over its life, from wait4(2). */
export interface ResourceUsage {
  /** CPU time in user mode, in microseconds. */
  userMicros: number
  /** CPU time in the kernel, in microseconds. */
  systemMicros: number
  /** Largest resident set, in bytes; it includes pages shared with the template. */
  maxRssBytes: number
  minorFaults: number
  majorFaults: number
}

/** One of stdin, stdout and stderr: as the owner's, /dev/null, a pipe to the owner, or this descriptor. */
export type StdioTarget = 'inherit' | 'ignore' | 'pipe' | number

export interface LaunchRequest {
  stdio: readonly [StdioTarget, StdioTarget, StdioTarget]
  detached: boolean
  cwd: string
  /** The whole environment that the child shall have. */
  env: NodeJS.ProcessEnv
  /** The job, without what the start method fills in (cwd, env, preload). */
  head: JobHead
  /** The structured clone of the arguments. */
  args: Buffer
  /**
   * Called once, with the owner's end of the job channel, before anything can be heard of it: a child may end before the launch
   * is over, and an 'end' that nobody listens for does not come again. The callee reads the channel, and destroys it.
   */
  follow(channel: Socket): void
}

export interface Launched {
  readonly pid: number
  /** Whether it may outlive its owner. */
  readonly detached: boolean
  /** The owner's ends of the pipes asked for, else null. */
  readonly stdio: readonly [Writable | null, Readable | null, Readable | null]
  /** Settles when the end of the process is known; rejects with TemplateError ERR_TEMPLATE_LOST where it cannot be. */
  readonly exited: Promise<Exit>
  /** Sends a signal; false if the process has ended. */
  kill(signal: NodeJS.Signals): boolean
}

export interface Launcher {
  readonly startMethod: 'forkserver' | 'spawn'
  /**
   * Starts one process.
   * @throws ResourceError ERR_RESOURCE, TemplateError ERR_TEMPLATE_LOST, ERR_TEMPLATE_START
   */
  launch(request: LaunchRequest): Promise<Launched>
  /** Ends every process that is not detached, and frees what the launcher holds. */
  close(): Promise<void>
}
