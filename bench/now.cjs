// Runs in: a child of child_process.fork(), or a worker thread. Tells when its first line ran, and ends.
const first = String(process.hrtime.bigint())
const { parentPort } = require('node:worker_threads')
if (parentPort) parentPort.postMessage(first)
else process.send(first)
