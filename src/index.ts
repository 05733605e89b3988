// Runs in: owner. The public face: re-exports only.

// The types of Node, also for a program whose tsconfig.json names no types.
/// <reference types="node" preserve="true" />

export { beforeFreeze, type ForkCallback, generation, onFork } from './child/api/fork-hooks.js'
export { emitProgress, type WorkerInfo, workerInfo } from './child/api/worker-info.js'
export * from './errors.js'
export type {
  ChannelName,
  ClientRefusedEvent,
  DiagnosticsChannels,
  PoolCallEvent,
  ProcessExitEvent,
  ProcessFailEvent,
  ProcessStartEvent,
  SpawnFallbackEvent,
  TaskEndEvent,
  TaskRequeueEvent,
  TaskStartEvent,
  TemplateEndEvent,
  TemplateFailEvent,
  TemplateLostEvent,
  TemplateStartEvent,
  WorkerEndEvent,
  WorkerStartEvent,
} from './owner/diagnostics/events.js'
export type { Exit, ResourceUsage } from './owner/launch/exit.js'
export type { SpareCounts } from './owner/launch/launcher.js'
export { type ProgramOptions, type ProgramSource, program } from './owner/naming/program.js'
export type { Program } from './owner/naming/program-reference.js'
export {
  type AnyFunction,
  type ArgumentsOf,
  type Reference,
  type Remote,
  type ResultOf,
  remote,
  type UnknownFunction,
} from './owner/naming/remote.js'
export { type Input, type ItemOf, Pool } from './owner/pool/pool.js'
export type { PoolEvents, WorkerIdentity } from './owner/pool/pool-events.js'
export type { ImapOptions, MapOptions, PoolOptions, RunOptions } from './owner/pool/pool-options.js'
export type { PoolStats, TimeSummary, WorkerStats } from './owner/pool/pool-stats.js'
export type { Messaging, ProcessEvents, Sent } from './owner/process/messaging.js'
export { Process } from './owner/process/process.js'
export type {
  JoinOptions,
  Limits,
  PipeAt,
  ProcessOptions,
  StdioOption,
  StdioOptions,
} from './owner/process/process-options.js'
export type { Transport } from './owner/server/control-address.js'
export { ForkServer } from './owner/server/fork-server.js'
export type { PreloadOption, WarmupArguments, WarmupCall } from './owner/server/preload-options.js'
export type { CloseOptions, ClosePolicy, ConnectOptions, StartOptions } from './owner/server/server-options.js'
export type { StartMethod } from './owner/server/start-method.js'
export { AuthKey } from './wire/auth/auth-key.js'
export type { Serialization } from './wire/job.js'
export type { RefusalReason } from './wire/refusal-reasons.js'
export type { ListenAddress, TemplateReport } from './wire/startup.js'
