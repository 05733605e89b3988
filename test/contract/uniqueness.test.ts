// Runs in: the test runner. Random values differ between siblings, and are as good as before: nothing random is copied
// by a fork.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remote } from 'forkserver'
import { contract, run } from './contract.js'

const random = remote<typeof import('../fixtures/contract/random.js')>(
  new URL('../fixtures/contract/random.js', import.meta.url),
)
const SIBLINGS = 5

contract(
  'random values',
  (site) => {
    test('of every kind differ between siblings', async () => {
      const drawn = await Promise.all(
        Array.from({ length: SIBLINGS }, () => run(random.draw, [], { server: site.server })),
      )
      for (const kind of Object.keys(drawn[0]!)) {
        assert.equal(new Set(drawn.map((values) => values[kind])).size, SIBLINGS, kind)
      }
    })

    test('that Node draws in advance are not shared with a sibling: a child fills batches of its own', async () => {
      const drawn = await Promise.all(
        Array.from({ length: SIBLINGS }, () => run(random.drawBatches, [], { server: site.server })),
      )
      assert.equal(new Set(drawn.flat()).size, drawn.flat().length)
    })

    test('of Math.random() are spread evenly, and none is shared with a sibling', async () => {
      const COUNT = 20_000
      const [first, second] = await Promise.all(
        [1, 2].map(() => run(random.drawMany, [COUNT], { server: site.server })),
      )
      const all = [...first!, ...second!]
      assert.equal(new Set(all).size, all.length)
      assert.ok(all.every((value) => value >= 0 && value < 1))
      const mean = all.reduce((sum, value) => sum + value, 0) / all.length
      // The mean of 40,000 has a standard deviation of 0.0014: 8 of them.
      assert.ok(Math.abs(mean - 0.5) < 0.012, `the mean is ${mean}`)
    })
  },
  { preload: [random.module] },
)
