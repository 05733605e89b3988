// Runs in: template, before anything of the user's: the first --require in its NODE_OPTIONS. It lists what Node itself
// has open: what --require, --import and NODE_OPTIONS of the user bring is then counted as the user's
// (template/fork-check.ts). And it puts stand-ins in the place of the standard streams, before anything can use them.
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
  inventory.takeFirstInventory()
  streams.standInForStreams(process)
}
