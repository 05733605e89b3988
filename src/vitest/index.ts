// Runs in: owner, inside vitest. The public face of forkserver/vitest: re-exports only.

// The types of Node, also for a program whose tsconfig.json names no types.
/// <reference types="node" preserve="true" />

export { forkserverPool } from './forkserver-pool.js'
export type { ForkserverPoolOptions } from './pool-settings.js'
export type { VitestPool, VitestWorker } from './vitest-types.js'
