// Runs in: the test runner. The pickles that scripts/pickle-vectors.mjs recorded from real Pythons.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

export interface Recorded {
  /** The expression that was pickled. */
  readonly python: string
  readonly protocol: number
  /** The versions that wrote these bytes, with blanks between them. */
  readonly by: string
  readonly hex: string
}

export const RECORDED: readonly Recorded[] = readFileSync(
  path.join(ROOT, 'test/connection/pickle/vectors.jsonl'),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Recorded)
