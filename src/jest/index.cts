// Runs in: owner and child. The public face of forkserver/jest for require(): see ../index.cts.
import face = require('./index.js')

export = face
