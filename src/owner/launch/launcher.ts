// Runs in: owner. The contract of a start method: launch(request) gives a process with a job channel. Types only.
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { JobHead } from '../../wire/job.js'
import type { Exit } from './exit.js'

/** One descriptor of a child: as the owner's, /dev/null, a pipe to the owner, or this descriptor. */
export type StdioTarget = 'inherit' | 'ignore' | 'pipe' | number

export interface LaunchRequest {
  /** What becomes of 0, 1, 2 and so on: three or more, at most MAX_STDIO. */
  stdio: readonly StdioTarget[]
  detached: boolean
  /** The process leads a process group of its own. Signals go to the whole group, and what is left of the group ends with the process. */
  killTree: boolean
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
  /** The owner's ends of the pipes asked for, else null: stdin to write, stdout and stderr to read, others for both. */
  readonly stdio: readonly (Duplex | null)[]
  /** Settles when the end of the process is known; rejects with TemplateError ERR_TEMPLATE_LOST where it cannot be. */
  readonly exited: Promise<Exit>
  /** Sends a signal; false if the process has ended. */
  kill(signal: NodeJS.Signals): boolean
  /** Whether it keeps the owner's event loop running until it ends; so it does at first. */
  holdLoop(on: boolean): void
}

export interface Launcher {
  readonly startMethod: 'forkserver' | 'spawn'
  /**
   * Starts one process.
   * @throws ResourceError ERR_RESOURCE, TemplateError ERR_TEMPLATE_LOST, ERR_TEMPLATE_START
   */
  launch(request: LaunchRequest): Promise<Launched>
  /** Kills every process that is not detached, those that are being started too. */
  killAttached(): void
  /** Waits until every process that is not detached has ended, and frees what the launcher holds. Launches nothing any more. */
  close(): Promise<void>
}
