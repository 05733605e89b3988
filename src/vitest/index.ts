// Runs in: owner. The public face of forkserver/vitest: re-exports only.
export { forkserverPool } from './owner/forkserver-pool.js'
export type { ForkserverPoolOptions } from './owner/pool-settings.js'
export type { PoolRunnerInitializer } from './owner/vitest-types.js'
