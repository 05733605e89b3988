// Runs in: a process of child_process.fork(). The peer of jobs.idle(): says that it is there, and then does nothing.
const { writeSync } = require('node:fs')

// An IPC channel with a listener keeps the process; its end is the end of the benchmark.
process.on('disconnect', () => process.exit())
writeSync(1, '.')
