// Runs in: the test runner. docs/PICKLE.md says what the code does: every row of its tables is carried out, against
// what real Pythons wrote.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { describe, test } from 'node:test'
import { MAX_DECIMAL_DIGITS, MAX_LONG_BYTES } from '#src/connection/pickle/cursor.js'
import { WRITTEN_PROTOCOL } from '#src/connection/pickle/opcodes.js'
import {
  ByteArray,
  DEFAULT_MAX_VALUES,
  Float,
  FrozenSet,
  pickle,
  pickleCodec,
  Tuple,
} from '#src/connection/pickle/pickle.js'
import { MAX_WRITE_DEPTH } from '#src/connection/pickle/pickler.js'
import { MAX_VALUE_BYTES } from '#src/wire/values/clone-refusal.js'
import { RECORDED } from '../connection/pickle/recorded.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const TEXT = readFileSync(path.join(ROOT, 'docs', 'PICKLE.md'), 'utf8')

/** The rows of the one table that has these columns, as cells. */
function rows(...columns: string[]): string[][] {
  const lines = TEXT.split('\n')
  const head = lines.indexOf(`| ${columns.join(' | ')} |`)
  assert.notEqual(head, -1, `there is no table with the columns ${columns.join(', ')}`)
  const body = lines.slice(head + 2)
  const cells = body
    .slice(
      0,
      body.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) => line.slice(2, -2).split(' | '))
  assert.ok(cells.length > 0)
  return cells
}

const code = (cell: string): string => /^`(.+)`$/.exec(cell)?.[1] ?? assert.fail(`${cell} is no code`)
const evaluate = (cell: string): unknown =>
  new Function('Float', 'Tuple', 'FrozenSet', 'ByteArray', `return (${code(cell)})`)(Float, Tuple, FrozenSet, ByteArray)

const exact = pickleCodec({ exact: true })

/** What the Pythons wrote for an expression, newest protocol last. */
function recorded(cell: string): Buffer[] {
  const pickles = RECORDED.filter(({ python }) => python === code(cell))
  assert.ok(pickles.length > 0, `there is no vector of ${cell}: add it to test/connection/pickle/cases.ts`)
  return pickles.map(({ hex }) => Buffer.from(hex, 'hex'))
}

describe('from Python', () => {
  for (const [python, plain, withExact] of rows('in Python', 'arrives as', 'with exact')) {
    test(python!, () => {
      for (const bytes of recorded(python!)) {
        assert.deepStrictEqual(pickle.decode(bytes), evaluate(plain!))
        assert.deepStrictEqual(exact.decode(bytes), evaluate(withExact!))
      }
    })
  }
})

describe('to Python', () => {
  for (const [here, python, returned] of rows('here', 'in Python', 'comes back as')) {
    test(here!, () => {
      const written = pickle.encode(evaluate(here!))
      for (const bytes of recorded(python!)) {
        assert.deepStrictEqual(exact.decode(written), exact.decode(bytes))
        assert.deepStrictEqual(pickle.decode(bytes), evaluate(returned!))
      }
    })
  }
})

test('the limits', () => {
  const limits = new Map(rows('what', 'limit') as Array<[string, string]>)
  const numberOf = (what: string): number => Number(/\b\d+/.exec(limits.get(what) ?? '')?.[0])
  assert.equal(numberOf('nesting, writing'), MAX_WRITE_DEPTH)
  assert.equal(numberOf('bytes of a pickle, writing'), MAX_VALUE_BYTES)
  assert.equal(
    numberOf('values in one pickle, a list, tuple, dict, set or bytes counting for four'),
    DEFAULT_MAX_VALUES,
  )
  assert.equal(numberOf('decimal digits of an int in protocol 0 and 1'), MAX_DECIMAL_DIGITS)
  assert.equal(numberOf('bytes of an int'), MAX_LONG_BYTES)
  assert.ok(TEXT.includes(`writes protocol ${WRITTEN_PROTOCOL},`))
})
