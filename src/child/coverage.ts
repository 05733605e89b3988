// Runs in: forked child; and in the template, where that is to count from its start. What NODE_V8_COVERAGE asks for: a file of V8's
// block counters at the process's end. Node's own profiler is connected once, at the start of its environment, and writes where the
// variable then led; so a template runs without it, and forkserver has a session of the inspector instead, which works in a fork,
// because it is of the main thread's own.
import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire, findSourceMap, syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

type Post = (method: string, params?: object) => unknown

/** What the profiler tells: the file's content. */
interface Counters {
  result: { url: string }[]
  timestamp: number
}

const require = createRequire(import.meta.url)
const STDERR = 2

/** A session of this thread's inspector. Its answers are there when post() returns. */
function openSession(): Post {
  const { Session } = require('node:inspector') as typeof import('node:inspector') // Node may be built without it
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

/** The source maps that Node keeps of these scripts, as it writes them itself. */
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

  /** Counts from now on. In a template: before anything of the user's is loaded, so that its children count that, too. */
  count(): void {
    if (this.#post) return
    const post = openSession()
    post('Profiler.enable')
    post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
    this.#post = post
    const v8 = require('node:v8') as { takeCoverage: () => void; stopCoverage: () => void }
    // Node's own have no connection here.
    v8.takeCoverage = () => this.write()
    v8.stopCoverage = () => this.#stop()
    syncBuiltinESMExports()
  }

  /** In a child, when it has its environment and working directory: what its variable says counts. */
  begin(env: NodeJS.ProcessEnv): void {
    const { NODE_V8_COVERAGE: folder } = env
    if (!folder) return this.#stop()
    this.count()
    this.#folder = path.resolve(folder)
    env.NODE_V8_COVERAGE = this.#folder // as Node does it, for the processes that this one starts
  }

  /** Writes what was counted since the start, or since the last call. A folder that cannot be written to is told on stderr. */
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
