// Runs in: the test runner. Input is read as `for await` reads it, which is the judge here, and nobody waits for a
// source that does not answer.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Input, InputReader } from '#src/owner/pool/input-reader.js'

/** What a consumer saw, and what the source was asked. */
interface Seen {
  items: unknown[]
  error: string | undefined
  calls: string[]
}

const nameOf = (error: unknown): string => (error instanceof TypeError ? 'TypeError' : String((error as Error).message))

async function byLanguage(input: Input<unknown>, calls: string[], breakAt: number): Promise<Seen> {
  const items: unknown[] = []
  try {
    if (breakAt === 0) return { items, error: undefined, calls }
    for await (const item of input) {
      items.push(item)
      if (items.length === breakAt) break
    }
    return { items, error: undefined, calls }
  } catch (error) {
    return { items, error: nameOf(error), calls }
  }
}

/** Reads chunks of so many. */
async function byReader(input: Input<unknown>, calls: string[], breakAt: number, chunk = 1): Promise<Seen> {
  const items: unknown[] = []
  let failure: { error: unknown } | undefined
  let wake = (): void => {}
  const reader = new InputReader(input, {
    onItems: (more) => items.push(...more),
    onEnd: (ended) => {
      failure = ended
    },
    onRead: () => wake(),
  })
  while (!reader.isOver && items.length < breakAt) {
    reader.read(chunk)
    while (reader.isReading)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
  }
  if (!reader.isOver) await reader.close().catch((error) => (failure = { error }))
  return { items, error: failure && nameOf(failure.error), calls }
}

type Step = 'value' | 'promise' | 'thenable' | 'reject' | 'throw' | 'number' | 'null' | 'getter' | 'no value'
type Return = 'none' | 'null' | 'ok' | 'throw' | 'number' | 'reject' | 'no function'

const thenable = (value: unknown): PromiseLike<unknown> => ({
  // biome-ignore lint/suspicious/noThenProperty: a thenable is what is tested
  then: (take: never) => (take as (value: unknown) => void)(value) as never,
})

/** A source that does these things in turn, and then ends. */
function sourceOf(isAsync: boolean, steps: readonly Step[], ending: Return, calls: string[]): Input<unknown> {
  let at = 0
  const wrap = (value: unknown): unknown => (isAsync ? Promise.resolve(value) : value)
  const next = (): unknown => {
    calls.push('next')
    const index = at++
    switch (steps[index]) {
      case undefined:
        return wrap({ done: true, value: 'unused' })
      case 'value':
        return wrap({ done: false, value: index })
      case 'promise':
        return wrap({ value: Promise.resolve(index) })
      case 'thenable':
        return isAsync ? thenable({ value: index }) : { value: thenable(index) }
      case 'reject':
        return isAsync ? Promise.reject(new Error('rejected')) : { value: Promise.reject(new Error('rejected')) }
      case 'throw':
        throw new Error('thrown')
      case 'number':
        return wrap(5)
      case 'null':
        return wrap(null)
      case 'no value':
        return wrap({})
      case 'getter':
        return wrap({
          get done() {
            throw new Error('getter')
          },
        })
    }
  }
  const iterator: Record<string, unknown> = { next }
  const give = (): unknown => {
    calls.push('return')
    if (ending === 'throw') throw new Error('return threw')
    if (ending === 'reject') {
      const rejected = Promise.reject(new Error('return rejected'))
      rejected.catch(() => {}) // Node 26 itself closes a sync source whose step fails, and drops this
      return isAsync ? rejected : { value: rejected }
    }
    return wrap(ending === 'number' ? 7 : {})
  }
  if (ending === 'null') iterator.return = null
  else if (ending === 'no function') iterator.return = 3
  else if (ending !== 'none') iterator.return = give
  return { [isAsync ? Symbol.asyncIterator : Symbol.iterator]: () => iterator } as never
}

test('whatever a source does, it is read as `for await` reads it', async () => {
  const step = fc.constantFrom<Step>(
    'value',
    'value',
    'promise',
    'thenable',
    'reject',
    'throw',
    'number',
    'null',
    'getter',
    'no value',
  )
  const ending = fc.constantFrom<Return>('none', 'null', 'ok', 'throw', 'number', 'reject', 'no function')
  await fc.assert(
    fc.asyncProperty(
      fc.boolean(),
      fc.array(step, { maxLength: 6 }),
      ending,
      fc.integer({ min: 1, max: 8 }),
      async (isAsync, steps, end, breakAt) => {
        const see = async (by: typeof byLanguage): Promise<Seen> => {
          const calls: string[] = []
          return by(sourceOf(isAsync, steps, end, calls), calls, breakAt)
        }
        const [wanted, seen] = [await see(byLanguage), await see(byReader)]
        // The value of an async source may be a promise: a value like any other.
        assert.deepEqual([await Promise.all(seen.items), seen.error], [await Promise.all(wanted.items), wanted.error])
        // Nodes disagree on whether a step of a sync source that fails closes the source.
        if (isAsync || wanted.error === undefined) assert.deepEqual(seen.calls, wanted.calls)
      },
    ),
    { numRuns: 500 },
  )
})

test('in chunks it is the same, for arrays, strings, sets, generators and streams', async () => {
  const many = Array.from({ length: 103 }, (_, index) => index)
  const sources: (() => Input<unknown>)[] = [
    () => many,
    () => new Set(many),
    () => 'a string',
    () => [1, Promise.resolve(2), 3],
    () =>
      (function* () {
        yield* many
      })(),
    () =>
      (async function* () {
        yield* many
      })(),
    () => Readable.from(many),
    () => Readable.from(many).map((value: number) => value * 2),
    () => [],
  ]
  for (const source of sources) {
    const wanted = await byLanguage(source(), [], Number.POSITIVE_INFINITY)
    for (const chunk of [1, 7, 1000])
      assert.deepEqual(await byReader(source(), [], Number.POSITIVE_INFINITY, chunk), wanted)
  }
})

test('what is no iterable is a TypeError, as the language says', async () => {
  for (const input of [
    { [Symbol.iterator]: 5 },
    { [Symbol.iterator]: () => 5 },
    { [Symbol.asyncIterator]: () => null },
    { [Symbol.asyncIterator]: () => ({}) },
    { [Symbol.asyncIterator]: undefined, [Symbol.iterator]: () => ({ next: 1 }) },
  ] as never[]) {
    assert.equal((await byLanguage(input, [], 9)).error, 'TypeError')
    assert.equal((await byReader(input, [], 9)).error, 'TypeError')
  }
})

test('items of a slow source do not wait until their chunk is full', async () => {
  let more = (_: IteratorResult<number>): void => {}
  let count = 0
  const next = (): Promise<IteratorResult<number>> =>
    count % 3 === 2
      ? new Promise((resolve) => {
          more = resolve
          count++
        })
      : Promise.resolve({ done: false, value: count++ })
  const got: unknown[][] = []
  let arrived = (): void => {}
  const reader = new InputReader({ [Symbol.asyncIterator]: () => ({ next }) } as never, {
    onItems: (items) => {
      got.push(items)
      arrived()
    },
    onEnd: () => {},
    onRead: () => {},
  })
  for (const wanted of [
    [0, 1],
    ['late', 3, 4],
  ]) {
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve
    })
    if (got.length === 0) reader.read(100)
    else more({ done: false, value: 'late' as never })
    await arrival
    assert.deepEqual(got.at(-1), wanted)
  }
  await reader.close()
})

const never = new Promise<never>(() => {})
const ignored = { onItems: () => {}, onEnd: () => assert.fail('It did not end by itself.'), onRead: () => {} }

test('who leaves does not wait for a next() that is owed, but tells the source', async () => {
  const calls: string[] = []
  const end = (): Promise<never> => {
    calls.push('return')
    return never
  }
  const iterator = { next: () => never, return: end }
  const reader = new InputReader({ [Symbol.asyncIterator]: () => iterator }, ignored)
  reader.read(3)
  await reader.close()
  await reader.close()
  assert.deepEqual(calls, ['return'])
})

test('who leaves waits for a return() that answers, and no longer than a second for one that does not', async () => {
  let isClosed = false
  async function* source(): AsyncGenerator<number> {
    try {
      yield* [1, 2, 3]
    } finally {
      await new Promise((resolve) => setTimeout(resolve, 20))
      isClosed = true
    }
  }
  const polite = new InputReader(source(), ignored)
  polite.read(1)
  while (polite.isReading) await new Promise(setImmediate)
  await polite.close()
  assert.ok(isClosed)
  const iterator = { next: async () => ({ done: false, value: 1 }), return: () => never }
  const impolite = new InputReader({ [Symbol.asyncIterator]: () => iterator }, ignored)
  impolite.read(1)
  while (impolite.isReading) await new Promise(setImmediate)
  await impolite.close()
})

test('a source that closes its own reader is closed behind its next(), and read no further', async () => {
  for (const isEndless of [true, false]) {
    let ends = 0
    let reads = 0
    function* source(): Generator<number> {
      try {
        while (isEndless || reads < 5) {
          if (++reads === 3) void reader.close()
          yield reads
        }
      } finally {
        ends++
      }
    }
    const got: unknown[] = []
    const reader = new InputReader(source(), { ...ignored, onItems: (items) => got.push(...items) })
    reader.read(1_000_000)
    await new Promise(setImmediate)
    assert.deepEqual([got, reads, ends, reader.isOver, reader.isReading], [[], 3, 1, true, false])
  }
})

test('a source that was not begun is not touched', async () => {
  const source = { [Symbol.iterator]: () => assert.fail('It was opened.') }
  await new InputReader(source as never, ignored).close()
})
