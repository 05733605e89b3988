// Runs in: owner. Pure. The diagnostics channels: their names, and what each of them publishes. docs/DIAGNOSTICS.md
// shows them as tables; a test compares the two.
import type { RefusalReason } from '../../wire/refusal-reasons.js'
import type { TemplateReport } from '../../wire/startup.js'

/** A template is ready. */
export interface TemplateStartEvent {
  /** Process id of the template. */
  pid: number
  /** What the template has preloaded. */
  preload: readonly string[]
  /** How long the start took, in milliseconds. */
  durationMs: number
  /** What the template holds. */
  report: TemplateReport
}

/** A template could not be started. */
export interface TemplateFailEvent {
  /** What the template had to preload. */
  preload: readonly string[]
  /** How long the start took until it failed, in milliseconds. */
  durationMs: number
  /** The error that the caller gets. */
  error: unknown
}

/** A template is gone, or was given up because it did not answer. */
export interface TemplateLostEvent {
  /** Process id of the template. */
  pid: number
  /** What became of it, as a clause: `was killed by SIGKILL`. */
  fate: string
}

/** A template has left: its server was closed or restarted. */
export interface TemplateEndEvent {
  /** Process id of the template. */
  pid: number
  /** Whether other processes still use it. */
  isShared: boolean
}

/** A process exists. */
export interface ProcessStartEvent {
  /** The same in all events of this process, and of no other one. */
  id: number
  /** Process id. */
  pid: number
  /** How it was started. */
  startMethod: 'forkserver' | 'spawn'
  /** The module of its function, or the file of its program (`[eval]`, `[stdin]`). */
  module: string
  /** The name of its function; undefined for a program. */
  name: string | undefined
  /** How long the start took, in milliseconds. */
  durationMs: number
}

/** A process could not be started. */
export interface ProcessFailEvent {
  /** How it was to be started. */
  startMethod: 'forkserver' | 'spawn'
  /** The module of its function, or the file of its program (`[eval]`, `[stdin]`). */
  module: string
  /** The name of its function; undefined for a program. */
  name: string | undefined
  /** How long the start took until it failed, in milliseconds. */
  durationMs: number
  /** The error that the caller gets. */
  error: unknown
}

/** A process has ended. */
export interface ProcessExitEvent {
  /** The same as in the event of its start. */
  id: number
  /** Process id. */
  pid: number
  /** Exit code, or null if a signal ended it or nobody knows. */
  exitCode: number | null
  /** The signal that ended it, or null. */
  signal: NodeJS.Signals | null
  /** Processor time that it used, in milliseconds; undefined if the start method does not report it. */
  cpuMs: number | undefined
  /** Its largest resident set, in bytes; undefined if the start method does not report it. */
  maxRssBytes: number | undefined
  /** How long it lived, in milliseconds. */
  durationMs: number
  /** Why nobody knows how it ended; undefined if it is known. */
  error: unknown
}

/** A worker of a pool takes tasks: it has run its initializer. */
export interface WorkerStartEvent {
  /** The name of the pool, if it has one. */
  pool: string | undefined
  /** The number of the worker in the pool. */
  worker: number
  /** Process id. */
  pid: number
  /** How long it took until the worker was ready, in milliseconds. */
  durationMs: number
}

/** A worker of a pool has ended. */
export interface WorkerEndEvent {
  /** The name of the pool, if it has one. */
  pool: string | undefined
  /** The number of the worker in the pool. */
  worker: number
  /** Process id; undefined if its process could not be started. */
  pid: number | undefined
  /** Whether it ever took tasks. */
  wasReady: boolean
  /** How many tasks it was given. */
  tasks: number
  /** Exit code, or null if a signal ended it or nobody knows. */
  exitCode: number | null
  /** The signal that ended it, or null. */
  signal: NodeJS.Signals | null
  /** How long it lived, in milliseconds. */
  durationMs: number
}

/** run(), map(), starmap(), imap() or imapUnordered() of a pool was called. Published in the caller's async context. */
export interface PoolCallEvent {
  /** The same object in all events of this call, and of no other one: a key for a WeakMap. */
  call: object
  /** The name of the pool, if it has one. */
  pool: string | undefined
  /** The module of the function. */
  module: string
  /** The name of the function. */
  name: string
}

/** Tasks of one call were sent to a worker. Tasks that travel together (`chunkSize`) have one event. */
export interface TaskStartEvent {
  /** The same in the event of their end, and in no other one. */
  id: number
  /** The same object as in the event of the call. */
  call: object
  /** The name of the pool, if it has one. */
  pool: string | undefined
  /** The number of the worker in the pool. */
  worker: number
  /** Process id of the worker. */
  pid: number
  /** The module of the function. */
  module: string
  /** The name of the function. */
  name: string
  /** How many tasks were sent together. */
  tasks: number
  /** How long they had waited, in milliseconds. */
  waitMs: number
}

/** What became of tasks that were sent to a worker. Each event of a start is followed by one of these. */
export interface TaskEndEvent extends TaskStartEvent {
  /** How many have a result. */
  completed: number
  /** How many failed. */
  failed: number
  /** How many went back to the queue, because this worker had not begun them. */
  requeued: number
  /** What the first one that failed has thrown; undefined if none failed. */
  error: unknown
  /** How long the worker ran them, in milliseconds; undefined if it did not answer. */
  runMs: number | undefined
  /** How long it took from sending them to the answer, in milliseconds. */
  durationMs: number
}

/** A worker has ended, and tasks that it was sent are run again. */
export interface TaskRequeueEvent {
  /** The same object as in the event of the call. */
  call: object
  /** The name of the pool, if it has one. */
  pool: string | undefined
  /** The module of the function. */
  module: string
  /** The name of the function. */
  name: string
  /** How many tasks. */
  tasks: number
  /** Why the worker has ended. */
  error: unknown
}

/** A template of this process has refused clients. Published at most once a second. */
export interface ClientRefusedEvent {
  /** Process id of the template. */
  pid: number
  /** Why the last one was refused. */
  reason: RefusalReason
  /** Process id of the last one; 0 if it is not known. */
  clientPid: number
  /** User id of the last one. */
  clientUid: number
  /** How many were refused since the last such event. */
  count: number
}

/** A server does not fork, or no longer. */
export interface SpawnFallbackEvent {
  /** Why, as a clause. */
  reason: string
}

/** What each channel publishes, by the name of the channel. */
export interface DiagnosticsChannels {
  /** Has a {@link TemplateStartEvent}. */
  'forkserver:template:start': TemplateStartEvent
  /** Has a {@link TemplateFailEvent}. */
  'forkserver:template:fail': TemplateFailEvent
  /** Has a {@link TemplateLostEvent}. */
  'forkserver:template:lost': TemplateLostEvent
  /** Has a {@link TemplateEndEvent}. */
  'forkserver:template:end': TemplateEndEvent
  /** Has a {@link ProcessStartEvent}. */
  'forkserver:process:start': ProcessStartEvent
  /** Has a {@link ProcessFailEvent}. */
  'forkserver:process:fail': ProcessFailEvent
  /** Has a {@link ProcessExitEvent}. */
  'forkserver:process:exit': ProcessExitEvent
  /** Has a {@link WorkerStartEvent}. */
  'forkserver:worker:start': WorkerStartEvent
  /** Has a {@link WorkerEndEvent}. */
  'forkserver:worker:end': WorkerEndEvent
  /** Has a {@link PoolCallEvent}. */
  'forkserver:pool:call': PoolCallEvent
  /** Has a {@link TaskStartEvent}. */
  'forkserver:task:start': TaskStartEvent
  /** Has a {@link TaskEndEvent}. */
  'forkserver:task:end': TaskEndEvent
  /** Has a {@link TaskRequeueEvent}. */
  'forkserver:task:requeue': TaskRequeueEvent
  /** Has a {@link ClientRefusedEvent}. */
  'forkserver:client:refused': ClientRefusedEvent
  /** Has a {@link SpawnFallbackEvent}. */
  'forkserver:spawn:fallback': SpawnFallbackEvent
}

/** The name of a channel. */
export type ChannelName = keyof DiagnosticsChannels

/** The section of NODE_DEBUG in which each channel's events are logged. */
export const LOG_SECTIONS = {
  'forkserver:template:start': 'forkserver',
  'forkserver:template:fail': 'forkserver',
  'forkserver:template:lost': 'forkserver',
  'forkserver:template:end': 'forkserver',
  'forkserver:process:start': 'forkserver',
  'forkserver:process:fail': 'forkserver',
  'forkserver:process:exit': 'forkserver',
  'forkserver:worker:start': 'forkserver',
  'forkserver:worker:end': 'forkserver',
  'forkserver:pool:call': 'forkserver-tasks',
  'forkserver:task:start': 'forkserver-tasks',
  'forkserver:task:end': 'forkserver-tasks',
  'forkserver:task:requeue': 'forkserver',
  'forkserver:client:refused': 'forkserver',
  'forkserver:spawn:fallback': 'forkserver',
} as const satisfies Record<ChannelName, string>
