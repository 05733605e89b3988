// Runs in: the test runner. Input whose source gives the same object again and again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Input, InputReader } from '#src/owner/pool/input-reader.js'

test('a source that gives one object again and again: each item is delivered before the next one is read', async () => {
  type Row = { value: number }
  const values = [1, 2, 3, 4, 5, 6, 7]
  function* reuse(): Generator<Row> {
    const row = { value: 0 }
    for (const value of values) yield Object.assign(row, { value })
  }
  async function* later(): AsyncGenerator<Row> {
    yield* reuse()
  }
  function* promises(): Generator<Promise<Row>> {
    for (const row of reuse()) yield Promise.resolve(row)
  }
  function* behindAnother(): Generator<Row> {
    yield { value: 1 }
    const row = { value: 0 }
    for (const value of values.slice(1)) yield Object.assign(row, { value })
  }
  function* fresh(): Generator<Row> {
    for (const value of values) yield { value }
  }
  const same = { value: 1 }
  for (const [input, wanted] of [
    [reuse, [1, 1, 1, 1, 1, 1, 1]],
    [later, [1, 1, 1, 1, 1, 1, 1]],
    [promises, [1, 1, 1, 1, 1, 1, 1]],
    [behindAnother, [1, 1, 1, 1, 1, 1, 1]],
    [fresh, [1, 1, 1, 1, 2, 1]], // one by one until the source is known
    [() => values, [3, 3, 1]],
    [() => values.map(() => same), [3, 3, 1]],
  ] as const) {
    const read: number[] = []
    const sizes: number[] = []
    const onItems = (items: unknown[]): void => {
      sizes.push(items.length)
      read.push(...items.map((item) => (typeof item === 'object' ? (item as Row).value : (item as number))))
    }
    let wake = (): void => {}
    const reader = new InputReader(input() as Input<unknown>, { onItems, onEnd: () => {}, onRead: () => wake() })
    while (!reader.isOver) {
      reader.read(3)
      while (reader.isReading) await new Promise<void>((resolve) => (wake = resolve))
    }
    assert.deepEqual(sizes, wanted, input.name)
    if (sizes[0] === 1) assert.deepEqual(read, values)
  }
})
