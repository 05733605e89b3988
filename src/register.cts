// Runs in: any process, by --require forkserver/register. From here on, processes that run a script with this Node are
// forked from a template, whichever function of child_process starts them. CommonJS, because Node's test runner hands
// only --require to its own process. The rest of forkserver is loaded when the first process is started.
import childProcess = require('node:child_process')

interface Options {
  file?: unknown
}
type Spawn = (this: childProcess.ChildProcess, options: Options) => unknown
type Registered = typeof import('./owner/drop-in/registered.js', { with: { 'resolution-mode': 'import' }})

const prototype = childProcess.ChildProcess.prototype as unknown as { spawn: Spawn }
const { spawn } = prototype

if (process.env.FORKSERVER !== 'off' && process.platform === 'linux') {
  prototype.spawn = function (options) {
    if (options?.file === process.execPath)
      (require('./owner/drop-in/registered.js') as Registered).beforeSpawn(this, options)
    return spawn.call(this, options)
  }
}
