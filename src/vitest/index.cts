// Runs in: owner. The public face of forkserver/vitest for require(): see ../index.cts.
import face = require('./index.js')

export = face
