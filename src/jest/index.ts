// Runs in: owner, inside jest. The public face of forkserver/jest: re-exports only.
export { default } from './test-runner.js'
