// Runs in: a tool process and the test runner. The results of a run of Node's tests, one for each test, and the files
// that contain them.
import { readFileSync } from 'node:fs'

/**
 * `passes`: plain node and the forked child pass. `fails`: only plain node passes, every time. `unsteady`: the child
 * failed once and passed later. `plain fails`: plain node fails, at once or when repeated. `not applicable`: no
 * template can have these flags.
 */
export type Verdict = 'passes' | 'fails' | 'unsteady' | 'plain fails' | 'not applicable'

/** The result of one test. */
export interface TestResult {
  /** The version of the Node that ran it. */
  node: string
  /** The version of Node that the test files belong to. */
  tests: string
  date: string
  name: string
  verdict: Verdict
  /** For a test that does not pass: how the child ended and its last output, or why there is no template. */
  how?: string
  said?: string
}

/** The results in files that `--json` wrote. If a test was run again, its last result counts. */
export function readResults(files: readonly string[]): TestResult[] {
  const results = new Map<string, TestResult>()
  for (const file of files) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue
      const result = JSON.parse(line) as TestResult
      results.set(`${result.node} ${result.name}`, result)
    }
  }
  return [...results.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
