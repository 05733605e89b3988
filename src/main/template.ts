// Runs in: template; its main. Takes the place of the standard streams before anything else is loaded: Node 26 asks
// for process.stderr as soon as it loads `assert`, and a stream that was made in the template would be of the
// template's kind in every child.
import { setFlagsFromString } from 'node:v8'

// V8 compiles a function when it is called first, which in a child is each child's own first time: a dozen short ones
// cost it 0.35 ms of processor time, and a worker of a pool 0.7 ms and 40 page faults. Ours are compiled here, as
// they are loaded, also those that no rehearsal calls; the program's are its warm-up's business.
setFlagsFromString('--no-lazy')
const { standInForStreams } = await import('../template/stream-stand-ins.js')
const ownStreams = standInForStreams(process)
const { beTemplate } = await import('../template/lifecycle.js')
setFlagsFromString('--lazy')
beTemplate(ownStreams)
