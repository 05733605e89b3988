// Runs in: forked child; and in a template that measures coverage from its start. Does what NODE_V8_COVERAGE asks for:
// it writes a file of V8's block counters when the process ends. Node connects its own profiler once, at its start, and
// writes to the folder that the variable named then. So a template runs without Node's profiler. forkserver opens a
// session of the inspector instead. It belongs to the main thread, so it works in a fork.
import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire, findSourceMap, syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

type Post = (method: string, params?: object) => unknown

/** What the profiler returns: the content of the file. */
interface Counters {
  result: { url: string }[]
  timestamp: number
}

const require = createRequire(import.meta.url)
const STDERR = 2

/** Opens a session of this thread's inspector. post() returns the answer. */
function openSession(): Post {
  const { Session } = require('node:inspector') as typeof import('node:inspector') // a Node may be built without it
  const session = new Session()
  session.connect()
  return (method, params) => {
    let answer: unknown
    session.post(method, params, (error, result) => {
      if (error) throw error
      answer = result
    })
    return answer
  }
}

/** The source maps of these scripts, in the form in which Node writes them. */
function sourceMapsOf(urls: readonly string[]): Record<string, object> | undefined {
  const found: Record<string, object> = {}
  for (const url of urls) {
    const map = findSourceMap(url)
    if (!map) continue
    const { lineLengths, payload } = map as typeof map & { lineLengths?: number[] } // since Node 20.5
    found[url] = { lineLengths, data: payload, url: null }
  }
  return Object.keys(found).length > 0 ? found : undefined
}

/** The coverage of one process. */
export class Coverage {
  #post: Post | undefined
  #folder: string | undefined

  /** Starts to measure. A template calls it before it loads the user's modules, so that children measure those, too. */
  count(): void {
    if (this.#post) return
    const post = openSession()
    post('Profiler.enable')
    post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    this.#post = post
    const v8 = require('node:v8') as { takeCoverage: () => void; stopCoverage: () => void }
    // Node's own functions for coverage have no profiler here.
    v8.takeCoverage = () => this.write()
    v8.stopCoverage = () => this.#stop()
    syncBuiltinESMExports()
  }

  /** Called in a child once it has its environment and working directory. The variable in its environment decides. */
  begin(env: NodeJS.ProcessEnv): void {
    const { NODE_V8_COVERAGE: folder } = env
    if (!folder) return this.#stop()
    this.count()
    this.#folder = path.resolve(folder)
    env.NODE_V8_COVERAGE = this.#folder // for the processes that this one starts, as in plain Node
  }

  /** Writes the counters since the start or the last call. If it cannot write to the folder, it says so on stderr. */
  write(): void {
    if (!this.#post || this.#folder === undefined) return
    const { result, timestamp } = this.#post('Profiler.takePreciseCoverage') as Counters
    const urls = result.map(({ url }) => url).filter((url) => url.startsWith('file:'))
    const content = JSON.stringify({ result, timestamp, 'source-map-cache': sourceMapsOf(urls) })
    const file = path.join(this.#folder, `coverage-${process.pid}-${Date.now()}-0.json`)
    try {
      mkdirSync(this.#folder, { recursive: true })
      writeFileSync(file, content)
    } catch (error) {
      writeSync(STDERR, `${(error as NodeJS.ErrnoException).code}: Failed to write file ${file}\n`)
    }
  }

  #stop(): void {
    this.#folder = undefined
    this.#post?.('Profiler.stopPreciseCoverage')
    this.#post?.('Profiler.disable')
    this.#post = undefined
  }
}
