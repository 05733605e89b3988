// Runs in: a tool process and the test runner. What a run of the packages found, and the files that hold it.
import { readFileSync } from 'node:fs'

/** When a package is loaded and used, seen from the fork. */
export const STAGES = ['loaded before', 'used before', 'only after'] as const
export type Stage = (typeof STAGES)[number]

/** `works`: each child said what plain node said. `refused`: there is no template. `wrong`: anything else. */
export interface Outcome {
  verdict: 'works' | 'refused' | 'wrong'
  /** The findings of ERR_UNFORKABLE, or what was wrong. */
  how?: string
}

/** What became of one package on one Node. */
export interface PackageResult {
  node: string
  date: string
  /** Name of its file in compat/packages. */
  name: string
  /** What the file imports, with versions: `pg 8.22.0`. */
  packages: string[]
  /** Why plain node cannot use it; then it was not tried in children. */
  plainFails?: string
  outcomes: Partial<Record<Stage, Outcome>>
}

/** The results in files that `--json` wrote. Of a package that was run again the last counts. */
export function readResults(files: readonly string[]): PackageResult[] {
  const results = new Map<string, PackageResult>()
  for (const file of files) {
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue
      const result = JSON.parse(line) as PackageResult
      results.set(`${result.node} ${result.name}`, result)
    }
  }
  return [...results.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
