// Runs in: a competitor, started as `node peer-node.js file yes|no`. Transpiles one file in a new plain Node, and
// prints the result on stdout.
import { transpile } from './jobs.js'

const [file = '', wantsMemory] = process.argv.slice(2)
try {
  process.stdout.write(JSON.stringify(transpile(file, wantsMemory === 'yes')))
} catch (error) {
  process.stderr.write((error as Error).message)
  process.exitCode = 1
}
