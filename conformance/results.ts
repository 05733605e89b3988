// Runs in: a tool process and the test runner. What a run of Node's tests found, test by test, and the files that hold it.
import { readFileSync } from 'node:fs'

/**
 * `passes`: plain node and the forked child pass. `fails`: only plain node passes, each time. `unsteady`: the child failed once and
 * then passed. `plain fails`: plain node fails, at once or in one of the repeats. `not applicable`: no template has these flags.
 */
export type Verdict = 'passes' | 'fails' | 'unsteady' | 'plain fails' | 'not applicable'

/** What became of one test. */
export interface TestResult {
  /** Version of the Node that ran it. */
  node: string
  /** Version of Node that the test files belong to. */
  tests: string
  date: string
  name: string
  verdict: Verdict
  /** For a test that does not pass: how the child ended, what it said last; or why no template can be had. */
  how?: string
  said?: string
}

/** The results in files that `--json` wrote. Of a test that was run again the last counts. */
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
