// Runs in: owner. The public face of forkserver/bullmq: re-exports only.

// The types of Node, also for a program whose tsconfig.json names no types.
/// <reference types="node" preserve="true" />

export type { SandboxedJob, SandboxedProcessor } from './child/sandboxed-job.js'
export type { BullJob } from './job-requests.js'
export { type ForkserverProcessor, forkserverProcessor } from './processor.js'
export type { ProcessorOptions } from './processor-options.js'
