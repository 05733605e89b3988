// Runs in: the test runner. Time limits do not depend on what a test makes of Node's timers: nobody uses those but by
// platform/timers.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, read } from './sources.js'

const TIMERS = 'src/platform/timers.ts'
const FOLDERS = ['owner', 'connection', 'worker-channel', 'promises', 'platform', 'options', 'wire']
/** Calls of the functions that fake timers replace. */
const CALL =
  /(?<![\w.#'`])((set|clear)(Timeout|Interval|Immediate)|queueMicrotask|nextTick|performance\.now|Date\.now)\(/g
const REPLACED =
  /\b(process\.(nextTick|hrtime)|globalThis\.(set|clear|queue|performance)\w*|AbortSignal\.timeout|new Date\(\))/

const files = FOLDERS.flatMap((folder) => listFiles(`src/${folder}`, /\.ts$/)).filter((file) => file !== TIMERS)

test('the functions of timers come from platform/timers.ts', () => {
  let seen = 0
  for (const file of files) {
    const code = read(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '')
    assert.doesNotMatch(code, REPLACED, file)
    assert.doesNotMatch(code, /from 'node:timers|\bperformance\b.*from 'node:perf_hooks'/, file)
    const imported = /import \{([^}]*)\} from '[./a-z]*\/timers\.js'/.exec(code)?.[1]?.split(/[\s,]+/) ?? []
    for (const [, name] of code.matchAll(CALL)) {
      seen++
      assert.ok(imported.includes(name!.split('.')[0]!), `${file} uses ${name}, which fake timers replace`)
    }
  }
  assert.ok(seen > 20, 'the calls are no longer found')
})
