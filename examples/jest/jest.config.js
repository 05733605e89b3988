module.exports = { runner: 'forkserver/jest', maxWorkers: 2 }
