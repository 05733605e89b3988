// Runs in: template, before anything of the user's: the first --require in its NODE_OPTIONS. It lists what Node
// itself has open. What --require, --import and NODE_OPTIONS of the user bring is then counted as the user's
// (template/fork-check.ts).
import inventory = require('../template/inventory.cjs')
import threads = require('node:worker_threads')

// A worker thread of a child inherits Node's options, and with them this file.
if (threads.isMainThread) {
  // NODE_OPTIONS as the user has it: without our own option, which comes first, in double quotes
  // (owner/launch/template-environment.ts).
  const rest = process.env.NODE_OPTIONS?.replace(/^"(?:[^"\\]|\\.)*" ?/, '')
  if (rest) process.env.NODE_OPTIONS = rest
  else delete process.env.NODE_OPTIONS
  inventory.takeFirstInventory()
}
delete require.cache[__filename]
