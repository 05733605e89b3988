// Runs in: the test runner. A fuzzer: tasks write random words into the memory that their worker shares with the pool,
// and close random descriptors. Every call has an answer, the owner neither throws nor spins, and another pool does
// not notice. FORKSERVER_FUZZ_SECONDS makes it longer, FORKSERVER_FUZZ_SEED repeats it.
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer, Pool, remote } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const tasks = remote<typeof import('../fixtures/pool/tasks.js')>(new URL('../fixtures/pool/tasks.js', import.meta.url))
const hostile = remote<typeof import('../fixtures/pool/hostile.js')>(
  new URL('../fixtures/pool/hostile.js', import.meta.url),
)
const SECONDS = Number(process.env.FORKSERVER_FUZZ_SECONDS ?? 15)
const SEED = Number(process.env.FORKSERVER_FUZZ_SEED ?? Date.now() % 1_000_000)
/** A call that has no answer after so long has none at all. */
const HANG_MS = 60_000

async function answered(what: string, call: Promise<unknown>): Promise<'value' | 'error'> {
  const late = new AbortController()
  const outcome = await Promise.race([
    call.then(
      () => 'value' as const,
      (error: unknown) => {
        assert.ok(error instanceof Error, `${what}: ${String(error)}`)
        return 'error' as const
      },
    ),
    sleep(HANG_MS, 'hang' as const, { signal: late.signal }).catch(() => 'hang' as const),
  ])
  late.abort()
  assert.ok(outcome !== 'hang', `no answer: ${what}, seed ${SEED}`)
  return outcome
}

for (const stdio of ['ignore', 'capture'] as const)
  test(`a pool of scribblers, output ${stdio}d`, { timeout: 600_000 }, async (t) => {
    await using server = await ForkServer.start({ preload: [tasks.module, hostile.module] })
    await using pool = new Pool({ server, processes: 2, stdio })
    await using honest = new Pool({ server, processes: 1 })
    const large = Buffer.alloc(100_000, 7)
    let [rounds, values, errors, words] = [0, 0, 0, 0]
    for (const end = performance.now() + (SECONDS * 1000) / 2; performance.now() < end; rounds++) {
      const seed = SEED + 1000 * rounds
      const count = 1 + (seed % 40)
      words += 4 * count
      const calls: [string, Promise<unknown>][] = [
        ['scribble', pool.run(hostile.scribble, [seed, count])],
        ['identity', pool.run(tasks.identity, [seed])],
        ['large', pool.run(tasks.identity, [large])],
        ['scribbleLater', pool.run(hostile.scribbleLater, [seed + 1, 3 * count])],
        ['later', pool.run(tasks.later, ['x', 2])],
        ['map', pool.map(tasks.identity, [1, 2, 3, 4], { chunkSize: 2 })],
        ['write', pool.run(tasks.writeMuch, [1000])],
      ]
      if (rounds % 3 === 0) calls.push(['closeSome', pool.run(hostile.closeSome, [seed, 1 + (rounds % 9)])])
      const [sum, ...outcomes] = await Promise.all([
        honest.run(tasks.add, [rounds, 1]),
        ...calls.map(([name, call]) => answered(`${name} in round ${rounds}`, call)),
      ])
      assert.equal(sum, rounds + 1)
      for (const outcome of outcomes) outcome === 'value' ? values++ : errors++
    }
    t.diagnostic(`seed ${SEED}: ${rounds} rounds, ${words} words, ${values} values, ${errors} errors`)
    assert.ok(values > 0 && errors > 0)
    await pool.terminate()
    await answered('join', pool.join())
    // Nothing is left to do: an event that nobody clears, or a timer without end, would keep the loop busy.
    const before = performance.eventLoopUtilization()
    await sleep(500)
    const { utilization } = performance.eventLoopUtilization(before)
    assert.ok(utilization < 0.5, `The event loop was busy for ${utilization} of the time.`)
  })
