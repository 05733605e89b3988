// Runs in: owner and template. What the two tell each other while a template starts, before the control socket speaks. Pure.
//
// Owner to template, over the startup pipe: the 32 bytes of the key, then the configuration as one frame of JSON. Template to
// owner, over the status pipe: one frame with a StartupStatus as a structured clone.
import type { ThrownData } from './values/thrown.js'

/**
 * A child's descriptors below this one are its owner's to give: 0, 1, 2 and at most twelve others. Processes are started with these
 * places taken, so that what Node and forkserver open lies above. With the job channel they are what one message can carry.
 */
export const MAX_STDIO = 15

/** The descriptors that a template inherits, beside those places. */
export const TEMPLATE_DESCRIPTORS = { startup: 15, control: 16, status: 17, lifeline: 18, preload: 19 } as const

/**
 * The options of Node that every template runs with; its modules and its children do not see them in process.execArgv.
 *
 * V8's memory reducer sets a timer of 8 s behind a garbage collection. In a template that is older than that, every child inherits
 * the timer overdue, and begins its life with a full collection: 15 ms instead of 2. It can only be turned off on the command line.
 */
export const TEMPLATE_FLAGS: readonly string[] = ['--no-memory-reducer']

/** The descriptors that a spawned child inherits, beside those places. */
export const SPAWNED_DESCRIPTORS = { channel: 15, lifeline: 16 } as const

/** Bytes of the key that the template reads before its configuration. */
export const KEY_LENGTH = 32

/** Where a template listens besides its private socket. */
export type ListenAddress = { path: string } | { abstract: string }

export interface StartupConfig {
  preload: string[]
  warmup: { module: string; name: string } | null
  listen: ListenAddress | null
  /** Fail for reasons that are only suspicious, too. */
  strict: boolean
  /** How long the preload may keep the event loop busy after it has finished, in milliseconds. */
  settleMs: number
  /** NODE_V8_COVERAGE of the template's environment; its process is started without it (child/coverage.ts). */
  coverage: string | null
}

/** What a frozen template holds. */
export interface TemplateReport {
  pid: number
  /** Time from the start of the template to the freeze, in milliseconds. */
  startMs: number
  /** Resident set after the collection of garbage, in bytes. */
  rssBytes: number
  heapUsedBytes: number
  threads: number
  descriptors: number
  mappings: number
  /** Suspicious things that did not stop the start (strict: false). */
  warnings: string[]
}

export type StartupStatus =
  | { status: 'ready'; report: TemplateReport }
  | { status: 'preloadFailed'; what: string; thrown: ThrownData }
  | { status: 'unforkable'; reasons: string[] }
  /** Node or the machine cannot fork, whatever was preloaded: a clause that says why. */
  | { status: 'cannotFork'; reason: string }
  | { status: 'refused'; syscall: string; errno: number }
