// Runs in: the test runner. Large buffers as arguments and results of tasks: they travel beside the message where
// memory is shared.
import assert from 'node:assert/strict'
import { fstatSync, readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { type Bytes, describeBytes } from '../fixtures/pool/tasks.js'
import { collect, poolContract, range, tasks } from './pool-tools.js'

const LARGE = 200_000
const ones = (length = LARGE): Uint8Array => new Uint8Array(length).fill(1)

/** Bytes of memory behind the descriptors that this process shares with workers. */
function heldBytes(): number {
  let held = 0
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      if (readlinkSync(`/proc/self/fd/${fd}`).startsWith('/memfd:forkserver'))
        held += fstatSync(Number(fd)).blocks * 512
    } catch {} // the folder's own descriptor
  }
  return held
}

poolContract('large buffers', (site) => {
  test('each kind arrives as what it is, with its own bytes only, and comes back so', async () => {
    await using pool = site.open()
    const whole = ones(3 * LARGE)
    const values: Bytes[] = [
      Buffer.from(ones()),
      ones(),
      whole.subarray(LARGE, 2 * LARGE),
      new Float64Array(LARGE / 8).fill(-2),
      new DataView(whole.buffer, 8, LARGE),
      ones().buffer,
      ones(65_535),
      ones(65_536),
    ]
    for (const value of values) {
      assert.deepEqual(await pool.run(tasks.describeBytes, [value]), describeBytes(value), value.constructor.name)
      assert.deepEqual(await pool.run(tasks.identity, [value]), value)
    }
    assert.deepEqual(await pool.map(tasks.describeBytes, values), values.map(describeBytes))
    assert.deepEqual(await collect(pool.imap(tasks.identity, values, { chunkSize: 3 })), values)
  })

  test('also deep in a value, and the same one twice is the same one there', async () => {
    await using pool = site.open()
    const memory = ones().buffer
    const value = { list: [memory, { memory, view: ones(), small: ones(3) }], text: 'x' }
    const back = (await pool.run(tasks.identity, [value])) as typeof value
    assert.deepEqual(back, value)
    const [first, { memory: second }] = back.list as [ArrayBuffer, { memory: ArrayBuffer }]
    assert.equal(first, second)
    assert.deepEqual(await pool.run(tasks.describeEach, [value.list]), [
      ['ArrayBuffer', LARGE, LARGE],
      { memory: ['ArrayBuffer', LARGE, LARGE], view: ['Uint8Array', LARGE, LARGE], small: ['Uint8Array', 3, 3] },
    ])
  })

  test('what the caller does with its buffer after the call changes nothing, however long the task waits', async () => {
    await using pool = site.open({ processes: 1 })
    const bytes = ones()
    const results = range(5).map(() => {
      const result = pool.run(tasks.describeLater, [bytes.fill(1), 5])
      bytes.fill(9)
      return result
    })
    for (const result of await Promise.all(results)) assert.deepEqual(result, ['Uint8Array', LARGE, LARGE])
  })

  test('a task that is run again has its buffer as it was', async () => {
    await using pool = site.open({ processes: 1 })
    const args: [Uint8Array, string] = [ones(), site.newFile()]
    assert.deepEqual(await pool.run(tasks.spoilAndDieOnce, args, { retries: 1 }), ['Uint8Array', LARGE, LARGE])
  })

  test('tasks that a dead worker had not begun have theirs', async () => {
    await using pool = site.open({ processes: 1 })
    await pool.run(tasks.pid, [])
    const dying = pool.run(tasks.die, ['SIGKILL'])
    const others = range(6).map((value) => pool.run(tasks.describeBytes, [new Uint8Array(LARGE).fill(value)]))
    await assert.rejects(dying, { code: 'ERR_CHILD_DIED' })
    assert.deepEqual(
      await Promise.all(others),
      range(6).map((value) => ['Uint8Array', LARGE, LARGE * value]),
    )
  })

  test('results outlive the worker, and the pool', async () => {
    const kept: Uint8Array[] = []
    {
      await using pool = site.open({ maxTasksPerChild: 1 })
      for (const value of range(5)) kept.push((await pool.run(tasks.identity, [ones().fill(value)])) as Uint8Array)
    }
    for (const [value, bytes] of kept.entries()) assert.ok(bytes.every((byte) => byte === value))
  })

  test('one that fails, or cannot be cloned with a large one beside it, fails alone', async () => {
    await using pool = site.open()
    const items = [ones(), () => {}, ones()] as Uint8Array[]
    const settled = await collect(pool.imap(tasks.sizeOf, items, { chunkSize: 3, onError: 'yield' }))
    assert.deepEqual(
      settled.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    await assert.rejects(pool.run(tasks.failWith, [ones()]), { message: 'with bytes' })
  })

  test('the memory is as large as what is in use, whatever passes through', async () => {
    await using pool = site.open()
    const bytes = ones(2 ** 20)
    for await (const result of pool.imap(
      tasks.identity,
      range(600).map(() => bytes),
      { chunkSize: 1, bufferSize: 4 },
    ))
      assert.equal((result as Uint8Array).length, bytes.length)
    assert.ok(heldBytes() < 450 * 2 ** 20, `${heldBytes()} bytes of shared memory`)
  })
})
