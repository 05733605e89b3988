// Runs in: owner and template. The messages between the two while a template starts, before the
// control socket is used. Pure.
//
// Owner to template, over the startup socket: the 32 bytes of the key, then the configuration as one frame of JSON.
// Template to owner, over the status socket: one frame with a StartupStatus as a structured clone.
import type { Finding } from '../errors.js'
import type { ThrownData } from './values/thrown.js'

/**
 * The owner chooses a child's descriptors below this number: 0, 1, 2 and at most twelve others. Processes are started
 * with all of these numbers in use, so that the descriptors of Node and forkserver have higher numbers. Together with
 * the job channel they are as many as one message can carry.
 */
export const MAX_STDIO = 15

/**
 * The descriptors that a template inherits, besides those. Only one that takes over from another template has the last
 * one, `inheritance`: the listening socket comes through it.
 */
export const TEMPLATE_DESCRIPTORS = {
  startup: 15,
  control: 16,
  status: 17,
  lifeline: 18,
  preload: 19,
  inheritance: 20,
} as const

/**
 * The options of Node that every template runs with. Its modules and its children do not see them in process.execArgv.
 *
 * After a garbage collection, V8's memory reducer sets a timer of 8 s. If a template is older than that, every
 * child inherits the timer when it is overdue, and begins with a full collection: 15 ms instead of 2. The reducer
 * can only be turned off on the command line.
 */
export const TEMPLATE_FLAGS: readonly string[] = ['--no-memory-reducer']

/** The descriptors that a spawned child inherits, besides those. */
export const SPAWNED_DESCRIPTORS = { channel: 15, lifeline: 16 } as const

/** Bytes of the key that the template reads before its configuration. */
export const KEY_LENGTH = 32

/** Where a template listens in addition to its private socket. */
export type ListenAddress =
  | {
      /** The absolute path of a socket file, at most 107 bytes. */
      path: string
    }
  | {
      /** A name in Linux's abstract namespace, at most 107 bytes. */
      abstract: string
    }

/** A module that a template loads before it serves. */
export interface PreloadModule {
  module: string
  /** Whether the template does without it if it cannot be loaded, or cannot be forked with it. */
  optional: boolean
}

/** A function that a template calls before it serves. */
export interface Warmup {
  module: string
  name: string
  /** Its arguments: a list as a structured clone, in base64. Absent if there are none. */
  args?: string
}

export interface StartupConfig {
  preload: readonly PreloadModule[]
  warmup: Warmup | null
  /** Names of globals that an optional module may not look for while it is loaded. */
  tripwires: readonly string[]
  listen: ListenAddress | null
  /** Whether another template listens there, and hands its socket over when this one is ready. */
  takesOver: boolean
  /** Whether reasons that are only suspicious also fail the start. */
  strict: boolean
  /** How long the preload may keep the event loop busy after it has finished, in milliseconds. */
  settleMs: number
  /** NODE_V8_COVERAGE of the template's environment; the process is started without it (child/coverage.ts). */
  coverage: string | null
  /**
   * NODE_OPTIONS of the template's environment. Its process is started without the flags that a template cannot have.
   */
  nodeOptions: string | null
  /** Whether the template reports the files that it loads. */
  watch: boolean
  /** WATCH_REPORT_DEPENDENCIES of the template's environment. With `watch` it has another value while it loads. */
  watchVariable: string | null
}

/** The report of a frozen template. */
export interface TemplateReport {
  /** Its process id. */
  pid: number
  /** Time from the start of the template to the freeze, in milliseconds. */
  startMs: number
  /** Resident set after the collection of garbage, in bytes. */
  rssBytes: number
  /** The part of V8's heap that is in use, in bytes. */
  heapUsedBytes: number
  /** Memory in a file, of which a fork copies no page tables, in bytes; 0 if there is no such file. */
  coldBytes: number
  /** Private memory, of which each fork copies the page tables, in bytes. Node's code in huge pages is a part of it. */
  hotBytes: number
  /** Why no memory is in a file, or null. */
  notFlat: string | null
  /** Number of its threads. */
  threads: number
  /** Number of its open file descriptors. */
  descriptors: number
  /** Number of its memory mappings: fork copies each of them. */
  mappings: number
  /** Suspicious things that did not stop the start (strict: false). */
  findings: Finding[]
  /** The optional modules that it does without, and why: at least one finding for each of them. */
  skipped: Finding[]
}

/** Files that a template has loaded, and files that Node looked for in vain. Each with its stamp at that time. */
export type FileStamps = Record<string, string>

/** What a template tells its owner once: how its start went, and which files it has loaded (with `watch`). */
export type StartupMessage = StartupStatus & { files?: FileStamps }

export type StartupStatus =
  | { status: 'ready'; report: TemplateReport }
  /** `what` failed, which is this module or belongs to it. */
  | { status: 'preloadFailed'; what: string; module: string | null; thrown: ThrownData }
  | { status: 'unforkable'; findings: Finding[] }
  /** Node or the machine cannot fork, whatever was preloaded: a clause that says why. */
  | { status: 'cannotFork'; reason: string }
  | { status: 'refused'; syscall: string; errno: number }
