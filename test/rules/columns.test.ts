// Runs in: the test runner. Lines are at most 120 columns wide, and words that the project has given up do not come
// back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, read } from './sources.js'

const MAX_COLUMNS = 120
const FOLDERS = ['src', 'native', 'test', 'bench', 'demo', 'stress', 'conformance', 'compat', 'scripts', 'examples']

// Metaphors for which there is a usual word. A name such as takeCensus or MAX_STILLBORN counts, too.
const RETIRED = 'crew census hearing deserted stillborn seat hiring patience whence'.split(' ')
const asLower = `(?<![A-Za-z])(?:${RETIRED.join('|')})(?![a-z])`
const asCapitalized = `(?:${RETIRED.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('|')})(?![a-z])`
const asUpper = `(?<![A-Z])(?:${RETIRED.join('|').toUpperCase()})(?![A-Z])`
const RETIRED_WORD = new RegExp(`${asLower}|${asCapitalized}|${asUpper}`, 'g')

/** The lines that are too long, as file:line. Fixtures are programs of their own, and some need their long lines. */
function longLines(): string[] {
  const files = FOLDERS.flatMap((folder) => listFiles(folder, /\.(ts|js|mjs|c|h)$/))
  return [...files, ...listFiles('examples', /\.py$/)]
    .filter((file) => !file.includes('fixtures/programs/'))
    .flatMap((file) => {
      const lines = read(file).split('\n')
      return lines.flatMap((line, at) => ([...line].length > MAX_COLUMNS ? [`${file}:${at + 1}`] : []))
    })
}

/** The retired words in src/ and docs/, as file: word. */
function retiredWords(): string[] {
  const files = [
    ...listFiles('src', /\.ts$/),
    ...listFiles('docs', /\.md$/),
    ...listFiles('examples', /\.(js|ts|py|md)$/),
  ]
  return files.flatMap((file) => [...read(file).matchAll(RETIRED_WORD)].map(([word]) => `${file}: ${word}`))
}

test(`no line has more than ${MAX_COLUMNS} columns`, () => {
  assert.deepEqual(longLines(), [])
})

test('src/, docs/ and examples/ use none of the retired words', () => {
  assert.deepEqual(retiredWords(), [])
})

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
