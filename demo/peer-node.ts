// Runs in: a peer, started as `node peer-node.js file yes|no`. One transpiled file by a plain new Node; tells on stdout.
import { transpile } from './jobs.js'

const [file = '', wantsMemory] = process.argv.slice(2)
try {
  process.stdout.write(JSON.stringify(transpile(file, wantsMemory === 'yes')))
} catch (error) {
  process.stderr.write((error as Error).message)
  process.exitCode = 1
}
