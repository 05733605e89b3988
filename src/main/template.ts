// Runs in: template; its main.
import { setFlagsFromString } from 'node:v8'

// V8 compiles a function when it is first called. If that is in a child, every child compiles it: a dozen short
// functions cost a child 0.35 ms of processor time, and a worker of a pool 0.7 ms and 40 page faults. So
// forkserver's own functions are compiled here when they are loaded, also those that no rehearsal calls. The
// functions of the program are compiled by its warm-up.
setFlagsFromString('--no-lazy')
const { beTemplate } = await import('../template/lifecycle.js')
setFlagsFromString('--lazy')
beTemplate()
