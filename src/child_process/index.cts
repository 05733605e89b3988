// Runs in: owner. The public face of forkserver/child_process for require(): see ../index.cts.
import face = require('./index.js')

export = face
