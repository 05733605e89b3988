// Runs in: owner. The public face of forkserver/child_process: re-exports only.
export { close, fork, ready, setServer } from '../owner/drop-in/fork.js'
