// Runs in: a process of child_process.fork(). The counterpart of jobs.idle(): reports that it runs, and then does
// nothing.
const { writeSync } = require('node:fs')

// An IPC channel with a listener keeps the process alive. The process ends when the benchmark closes the channel.
process.on('disconnect', () => process.exit())
writeSync(1, '.')
