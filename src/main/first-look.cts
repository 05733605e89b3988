// Runs in: template, before any code of the user: the first --require in its NODE_OPTIONS. It lists the threads and
// descriptors of Node itself. Those that come later, also by --require, --import and NODE_OPTIONS of the user, count
// as the user's (template/fork-check.ts). It watches for loader hooks, collects which files are loaded (option
// watch), and puts stand-ins in the place of the standard streams and of process.reallyExit(), before anything can use
// them.
//
// V8 compiles these modules lazily. --no-lazy, as main/template.ts sets it, was tried here too. It saves a child two page
// faults, but Node's own loader is compiled at this moment, and on Node 22 its frames then have other names in stacks.
import threads = require('node:worker_threads')

delete require.cache[__filename]
// A worker thread of a child inherits Node's options, and with them this file.
if (threads.isMainThread) {
  // NODE_OPTIONS as the user has it: without our own option, which comes first, in double quotes
  // (owner/launch/template-environment.ts).
  const rest = process.env.NODE_OPTIONS?.replace(/^"(?:[^"\\]|\\.)*"/, '')
  if (rest) process.env.NODE_OPTIONS = rest.slice(1)
  else delete process.env.NODE_OPTIONS
  const inventory = require('../template/inventory.cjs') as typeof import('../template/inventory.cjs')
  const streams = require('../template/stream-stand-ins.cjs') as typeof import('../template/stream-stand-ins.cjs')
  const loaderHooks = require('../template/loader-hooks.cjs') as typeof import('../template/loader-hooks.cjs')
  const loadedFiles = require('../template/loaded-files.cjs') as typeof import('../template/loaded-files.cjs')
  const reallyExit = require('../platform/really-exit.cjs') as typeof import('../platform/really-exit.cjs')
  inventory.takeFirstInventory()
  reallyExit.standIn(process as unknown as { reallyExit(code?: number): void })
  streams.standInForStreams(process)
  loaderHooks.watchHooks()
  loadedFiles.collectFiles()
}
