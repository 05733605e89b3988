// Runs in: the test runner. Lines are at most 120 columns wide, and words that the project has given up do not come
// back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, read } from './sources.js'

const MAX_COLUMNS = 120
const FOLDERS = ['src', 'native', 'test', 'bench', 'demo', 'stress', 'conformance', 'compat', 'scripts']

/** Folders and files whose lines are still too long. Remove an entry when its lines fit. Never add one. */
const PENDING_COLUMNS: readonly string[] = [
  'native',
  'src/child',
  'src/main',
  'src/owner',
  'src/platform',
  'src/template',
  'test/child',
  'test/commands',
  'test/contract',
  'test/faults',
  'test/fixtures',
  'test/owner',
  'test/platform',
  'test/programs',
  'test/rules',
  'test/support',
  'test/template',
  'test/wire',
]

/** Folders and files that still use a retired word. Remove an entry when it does not. Never add one. */
const PENDING_WORDS: readonly string[] = [
  'docs/ARCHITECTURE.md',
  'src/child/api/worker-info.ts',
  'src/child/flush-output.ts',
  'src/child/worker/current-task.ts',
  'src/owner/pool/pool-events.ts',
  'src/owner/pool/pool-worker.ts',
  'src/owner/pool/pool.ts',
  'src/owner/pool/results.ts',
  'src/owner/pool/start-failures.ts',
  'src/owner/pool/worker-set.ts',
  'src/platform/native.ts',
  'src/template/fork-check.ts',
  'src/template/lifecycle.ts',
]

// Metaphors for which there is a usual word. A name such as takeCensus or MAX_STILLBORN counts, too.
const RETIRED = 'crew census hearing deserted stillborn seat hiring patience whence'.split(' ')
const asLower = `(?<![A-Za-z])(?:${RETIRED.join('|')})(?![a-z])`
const asCapitalized = `(?:${RETIRED.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('|')})(?![a-z])`
const asUpper = `(?<![A-Z])(?:${RETIRED.join('|').toUpperCase()})(?![A-Z])`
const RETIRED_WORD = new RegExp(`${asLower}|${asCapitalized}|${asUpper}`, 'g')

/** Whether an entry of a list names the file or a folder that it is in. */
const covers = (entry: string, file: string): boolean => file === entry || file.startsWith(`${entry}/`)

/** The lines that are too long, as file:line. Fixtures are programs of their own, and some need their long lines. */
function longLines(): string[] {
  const files = FOLDERS.flatMap((folder) => listFiles(folder, /\.(ts|mjs|c|h)$/))
  return files
    .filter((file) => !file.includes('fixtures/programs/'))
    .flatMap((file) => {
      const lines = read(file).split('\n')
      return lines.flatMap((line, at) => ([...line].length > MAX_COLUMNS ? [`${file}:${at + 1}`] : []))
    })
}

/** The retired words in src/ and docs/, as file: word. */
function retiredWords(): string[] {
  const files = [...listFiles('src', /\.ts$/), ...listFiles('docs', /\.md$/)]
  return files.flatMap((file) => [...read(file).matchAll(RETIRED_WORD)].map(([word]) => `${file}: ${word}`))
}

const fileOf = (finding: string): string => finding.slice(0, finding.indexOf(':'))

for (const [title, findings, pending] of [
  [`no line has more than ${MAX_COLUMNS} columns`, longLines(), PENDING_COLUMNS],
  ['src/ and docs/ use none of the retired words', retiredWords(), PENDING_WORDS],
] as const) {
  test(title, () => {
    const left = findings.filter((finding) => !pending.some((entry) => covers(entry, fileOf(finding))))
    assert.deepEqual(left, [])
  })
}

test('the retired words are found as words and in names, and not within other words', () => {
  const found = (text: string): string[] => [...text.matchAll(RETIRED_WORD)].map(([word]) => word)
  assert.deepEqual(found('the crew, takeCensus(), MAX_STILLBORN, #hiring, WorkerSeat, Seat'), [
    'crew',
    'Census',
    'STILLBORN',
    'hiring',
    'Seat',
    'Seat',
  ])
  assert.deepEqual(found('screw, seated, impatience, censused, hearings'), [])
})
