// Runs in: the test runner. A stream without end through a pool: memory stays as it was, and the input is never read
// further ahead than bufferSize and what the workers have. FORKSERVER_STREAM_ITEMS makes it longer: 10,000,000 take
// some seconds in chunks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import v8 from 'node:v8'
import vm from 'node:vm'
import { ForkServer, Pool, remote } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const tasks = remote<typeof import('../fixtures/pool/tasks.js')>(new URL('../fixtures/pool/tasks.js', import.meta.url))
const ITEMS = Number(process.env.FORKSERVER_STREAM_ITEMS ?? 500_000)
const MIB = 2 ** 20
/** What a heap may differ by between two looks: V8 frees lazily, and makes code. */
const HEAP_SLACK = 8 * MIB
/** A worker's heap is not collected for us: its young generation alone grows to 48 MiB. */
const WORKER_SLACK = 64 * MIB

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

for (const isOrdered of [true, false]) {
  test(`${ITEMS} items, ${isOrdered ? 'in order' : 'as they come'}`, { timeout: 600_000 }, async (t) => {
    await using server = await ForkServer.start({ preload: [tasks.module] })
    await using pool = new Pool({ server, processes: 2 })
    const [chunkSize, bufferSize] = [100, 200]
    let read = 0
    let given = 0
    let most = 0
    let sum = 0
    const input = function* (): Generator<{ value: number; text: string }> {
      while (read < ITEMS) yield { value: read++, text: 'some text' }
    }
    /** Bytes that live here, and that the workers have. */
    const look = (): [number, number] => {
      collect()
      return [process.memoryUsage().heapUsed, pool.stats().workers.reduce((all, { memory = 0 }) => all + memory, 0)]
    }
    let first: [number, number] = [0, 0]
    const options = { chunkSize, bufferSize }
    const results = isOrdered
      ? pool.imap(tasks.identity, input(), options)
      : pool.imapUnordered(tasks.identity, input(), options)
    for await (const result of results) {
      const { value } = result as { value: number }
      if (isOrdered) assert.equal(value, given)
      sum += value
      given++
      most = Math.max(most, read - given)
      if (given === Math.floor(ITEMS / 5)) first = look()
    }
    const last = look()
    assert.equal(given, ITEMS)
    assert.equal(sum, (ITEMS * (ITEMS - 1)) / 2)
    assert.ok(most <= bufferSize + 2 * chunkSize, `${most} ahead`)
    const growth = last.map((bytes, index) => bytes - first[index]!)
    t.diagnostic(`most ahead: ${most}; heap ${growth[0]} bytes more than after a fifth, workers ${growth[1]}`)
    assert.ok(growth[0]! < HEAP_SLACK, `The owner's heap grew by ${growth[0]} bytes.`)
    assert.ok(growth[1]! < 2 * WORKER_SLACK, `The workers grew by ${growth[1]} bytes.`)
  })
}
