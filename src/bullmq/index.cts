// Runs in: owner. The public face of forkserver/bullmq for require(): see ../index.cts.
import face = require('./index.js')

export = face
