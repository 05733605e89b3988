// Runs in: template; its main. Takes the place of the standard streams before anything else is loaded: Node 26 asks for process.stderr
// as soon as it loads `assert`, and a stream that was made in the template would be of the template's kind in every child.
import { standInForStreams } from '../template/streams.js'

const ownStreams = standInForStreams(process)
const { beTemplate } = await import('../template/template.js')
beTemplate(ownStreams)
