// Runs in: the test runner. What goes into a child and comes back: structured clones, of any size.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { contract, jobs, run } from './contract.js'

const MiB = 1024 * 1024

interface Node {
  name: string
  next?: Node
}

function ring(): Node {
  const first: Node = { name: 'first' }
  first.next = { name: 'second', next: first }
  return first
}

const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  -0,
  Number.NaN,
  2n ** 80n,
  '',
  'ä€𝄞\ud800\0',
  new Date(86_400_000),
  /a+/giu,
  Object.assign(new Array<number>(3), [1]), // with holes
  new Map<unknown, unknown>([
    ['key', new Set([1, 'two'])],
    [{ object: true }, undefined],
  ]),
  new Set([new Map([[1n, null]])]),
  { nested: { deep: [{ undefined }] }, '': 0 },
  Buffer.from('buffer'),
  Buffer.alloc(0),
  new Uint8Array([1, 2, 3]).subarray(1),
  new Uint8Array(0),
  new Float64Array([0.5, Number.NEGATIVE_INFINITY]),
  new BigInt64Array([-1n]),
  new Uint16Array([65_535]),
  new DataView(new Uint8Array([9, 8]).buffer),
  new ArrayBuffer(3),
  Object(1n),
  ring(),
]

contract('values', (site) => {
  test('arrive as they were, both ways', async () => {
    const back = (await run(jobs.echo, [VALUES], { server: site.server })) as unknown[]
    assert.equal(back.length, VALUES.length)
    for (const [index, value] of VALUES.entries()) assert.deepStrictEqual(back[index], value)
  })

  test('are seen by the child as they are here', async () => {
    const values = [new Map([['a', 1n]]), new Set([undefined]), new Date(0), new Uint16Array([7]), Buffer.from('b')]
    const seen = await run(jobs.show, values, { server: site.server })
    const expected =
      "Map(1) { 'a' => 1n }, Set(1) { undefined }, 1970-01-01T00:00:00.000Z, Uint16Array(1) [ 7 ], <Buffer 62>"
    assert.equal(seen, `[ ${expected} ]`)
  })

  test('keep cycles and identity', async () => {
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    assert.equal(await run(jobs.isCycle, [cycle], { server: site.server }), true)
    const [one, two] = (await run(jobs.echo, [[cycle, cycle]], { server: site.server })) as [typeof cycle, unknown]
    assert.equal(one, two)
    assert.equal(one.self, one)
  })

  test('no argument, and no result', async () => {
    assert.equal(await run(jobs.show, [], { server: site.server }), '[]')
    assert.equal(await run(jobs.say, ['', ''], { server: site.server }), undefined)
  })

  test('errors are values, too, with their causes', async () => {
    const error = new RangeError('outer', { cause: new TypeError('inner') })
    const [back] = (await run(jobs.echo, [[error]], { server: site.server })) as [RangeError]
    assert.ok(back instanceof RangeError)
    assert.equal(back.message, 'outer')
    assert.ok(back.cause instanceof TypeError)
    assert.equal(back.cause.message, 'inner')
  })

  test('an async function, and one that is not', async () => {
    assert.equal(await run(jobs.echo, ['sync'], { server: site.server }), 'sync')
    assert.equal(await run(jobs.echoLater, ['async'], { server: site.server }), 'async')
  })

  test('a string of a million characters, of one byte each and of two', async () => {
    for (const text of ['x'.repeat(1_000_000), 'é€'.repeat(500_000)]) {
      const back = await run(jobs.echo, [text], { server: site.server })
      assert.ok(back === text)
    }
  })

  test('64 MiB to the child', async () => {
    const bytes = Buffer.alloc(64 * MiB, 'some bytes that repeat')
    const { length, sha256, isBuffer } = await run(jobs.digest, [bytes], { server: site.server })
    assert.equal(length, bytes.length)
    assert.equal(sha256, createHash('sha256').update(bytes).digest('hex'))
    assert.equal(isBuffer, true)
  })

  test('64 MiB from the child', async () => {
    const bytes = await run(jobs.makeBytes, [64 * MiB, 7], { server: site.server })
    assert.ok(Buffer.isBuffer(bytes))
    assert.ok(bytes.equals(Buffer.alloc(64 * MiB, 7)))
  })

  test('nothing at all in a Buffer, both ways', async () => {
    assert.equal((await run(jobs.digest, [new Uint8Array(0)], { server: site.server })).length, 0)
    assert.equal((await run(jobs.makeBytes, [0, 1], { server: site.server })).length, 0)
  })

  test('sizes around the first read of a child', async () => {
    for (const length of [64 * 1024 - 300, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 200_000]) {
      const { sha256 } = await run(jobs.digest, [Buffer.alloc(length, 3)], { server: site.server })
      assert.equal(sha256, createHash('sha256').update(Buffer.alloc(length, 3)).digest('hex'), `${length} bytes`)
    }
  })
})
