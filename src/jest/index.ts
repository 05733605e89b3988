// Runs in: owner, inside jest. The public face of forkserver/jest: re-exports only.
export type { ForkserverRunnerOptions } from './runner-settings.js'
export { default } from './test-runner.js'
