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

    test('do not repeat those that the template drew: a child fills a batch of its own', async () => {
      // A spawned child runs the preload itself: its batches are its own, and still hold values.
      const fills = site.server.startMethod === 'spawn' ? 0 : 2
      assert.equal(await run(random.countFills, [], { server: site.server }), fills)
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
