// Runs in: the test runner. The channel over two rings: messages of all sizes arrive, whoever sleeps is woken, what a
// dead writer has written can be read, and whatever is overwritten is the failure of this channel alone.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { native } from '#src/platform/native.js'
import { RingChannel } from '#src/worker-channel/ring-channel.js'
import type { ChannelListener } from '#src/worker-channel/worker-channel.js'
import {
  Memories,
  type SharedMemory,
  TO_OWNER,
  TO_WORKER,
  WORKER_MEMORY_BYTES,
} from '#src/worker-channel/worker-memory.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

/** Two channels over one memory, and what the worker's side has heard. */
function connect(onMessage?: (payload: Buffer) => void): {
  owner: RingChannel
  worker: RingChannel
  heard: Buffer[]
  failures: Error[]
  memory: SharedMemory
  close(): void
} {
  const memories = new Memories(native())
  const memory = memories.take()
  const { bytes, ownerEvent, workerEvent } = memory
  const heard: Buffer[] = []
  const failures: Error[] = []
  const listener: ChannelListener = {
    onMessage: onMessage ?? ((payload) => heard.push(payload)),
    onFailure: (error) => failures.push(error),
    onGone: () => {},
  }
  const common = { bytes, closesEvents: false }
  const toOwner = { incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: ownerEvent, peerEvent: workerEvent }
  const toWorker = { incoming: TO_WORKER, outgoing: TO_OWNER, ownEvent: workerEvent, peerEvent: ownerEvent }
  const owner = new RingChannel(native(), { ...common, ...toOwner }, listener)
  const worker = new RingChannel(native(), { ...common, ...toWorker }, listener)
  return {
    owner,
    worker,
    heard,
    failures,
    memory,
    close() {
      owner.close()
      worker.close()
      memories.giveBack(memory, { isUsedUp: false })
      memories.close()
    },
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000 && !isSo(); tries++) await sleep(5)
  assert.ok(isSo())
}

describe('RingChannel', () => {
  test('messages of all sizes arrive, also those that are larger than the ring', async () => {
    const { owner, heard, failures, close } = connect()
    const sizes = [0, 1, 5, 131_000, 131_072, 131_073, 1_000_000, 3]
    for (const size of sizes) owner.send(Buffer.from([7]), Buffer.alloc(size, size))
    await until(() => heard.length === sizes.length)
    assert.deepEqual(
      heard.map(({ length }) => length - 1),
      sizes,
    )
    for (const [index, size] of sizes.entries()) assert.ok(heard[index]!.subarray(1).equals(Buffer.alloc(size, size)))
    assert.deepEqual(failures, [])
    close()
  })

  test('end() calls back when the last byte is in the ring', async () => {
    const { owner, worker, heard, close } = connect()
    let isSent = false
    worker.end(() => {
      isSent = true
    })
    assert.ok(isSent, 'nothing waits')
    isSent = false
    owner.send(Buffer.alloc(WORKER_MEMORY_BYTES))
    owner.end(() => {
      isSent = true
    })
    assert.ok(!isSent)
    await until(() => isSent && heard.length === 1)
    close()
  })

  test('flushed() waits until the last byte is in the ring, and not if it is there', async () => {
    const { owner, heard, close } = connect()
    owner.send(Buffer.from('small'))
    assert.equal(owner.flushed(), undefined)
    owner.send(Buffer.alloc(WORKER_MEMORY_BYTES))
    await owner.flushed()!
    assert.equal(owner.flushed(), undefined)
    await until(() => heard.length === 2)
    owner.send(Buffer.alloc(WORKER_MEMORY_BYTES))
    const flushed = owner.flushed()!
    owner.close()
    await flushed // nothing more is sent
    close()
  })

  test('what was sent before an end is heard behind it, and nothing is heard behind close()', async () => {
    const { owner, worker, heard, close } = connect()
    worker.send(Buffer.from('last words'))
    worker.close() // as if it were dead: it reads and wakes nobody
    owner.send(Buffer.from('lost'))
    await owner.finish()
    assert.deepEqual(heard.map(String), ['last words'])
    worker.send(Buffer.from('too late'))
    assert.equal(owner.idle(), true)
    await sleep(20)
    assert.equal(heard.length, 1)
    close()
  })

  test('an endless talk lets the event loop turn', async () => {
    let count = 0
    const { owner, worker, close } = connect(() => {
      count++
      if (count < 5_000) (count % 2 === 0 ? owner : worker).send(Buffer.alloc(100))
    })
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    owner.send(Buffer.alloc(100))
    await until(() => count === 5_000)
    clearInterval(timer)
    assert.ok(turns > 0)
    close()
  })

  test('what a listener throws is its failure, and ends nothing else', async () => {
    const seen: string[] = []
    const { owner, failures, close } = connect((payload) => {
      seen.push(String(payload))
      if (seen.length === 1) throw new Error('no')
    })
    owner.send(Buffer.from('a'))
    await until(() => failures.length === 1)
    owner.send(Buffer.from('b'))
    await until(() => seen.length === 2)
    close()
  })

  test('an overwritten header or position is one failure, and nothing is read or sent after it', async () => {
    for (const offset of [TO_WORKER.start, TO_WORKER.start + 5, TO_WORKER.control, TO_WORKER.control + 64]) {
      const { owner, heard, failures, memory, worker, close } = connect()
      await sleep(5)
      worker.holdLoop(true)
      new Uint8Array(memory.bytes).set([1, 2, 3, 4], offset)
      owner.send(Buffer.from('a'))
      new Uint8Array(memory.bytes).set([9, 9, 9, 9], offset)
      owner.recover(true)
      await until(() => failures.length > 0)
      for (let count = 0; count < 3; count++) owner.send(Buffer.from('b'))
      await sleep(20)
      assert.ok(failures.length <= 2, 'at most one for each side')
      assert.ok(failures.every((error) => (error as { code?: string }).code === 'ERR_PROTOCOL'))
      assert.deepEqual(heard, [])
      close()
    }
  })

  test('recover() reads what came without a wake-up; the third time in a row is a failure', async () => {
    const heard: Buffer[] = []
    const failures: Error[] = []
    const memories = new Memories(native())
    const memory = memories.take()
    const [deaf, unused] = [native().newEvent(), native().newEvent()]
    const listener = { onMessage: (payload: Buffer) => heard.push(payload), onFailure: (e: Error) => failures.push(e) }
    const { bytes } = memory
    const common = { bytes, closesEvents: false, onGone: () => {} }
    const owner = new RingChannel(
      native(),
      { ...common, incoming: TO_OWNER, outgoing: TO_WORKER, ownEvent: memory.ownerEvent, peerEvent: unused },
      { ...listener, onGone: () => {} },
    )
    const worker = new RingChannel(
      native(),
      { ...common, incoming: TO_WORKER, outgoing: TO_OWNER, ownEvent: memory.workerEvent, peerEvent: deaf },
      { ...listener, onGone: () => {} },
    )
    await sleep(10)
    for (let count = 1; count <= 3; count++) {
      worker.send(Buffer.from('a'))
      await sleep(10)
      assert.equal(heard.length, count - 1)
      owner.recover(true)
      await until(() => heard.length + failures.length === count)
    }
    assert.equal((failures[0] as { code?: string }).code, 'ERR_PROTOCOL')
    owner.close()
    worker.close()
    for (const fd of [deaf, unused]) native().close(fd)
    memories.giveBack(memory, { isUsedUp: false })
    memories.close()
  })

  test('a wake-up at the end of a turn does not write to a descriptor that was closed meanwhile', async () => {
    const { owner, worker, memory, close } = connect()
    await sleep(5)
    native().clearEvent(memory.workerEvent)
    worker.close()
    new Int32Array(memory.bytes, TO_WORKER.control)[32] = 1 // it sleeps
    owner.send(Buffer.from('a'), Buffer.alloc(0), { mayWait: true })
    owner.close()
    await sleep(5)
    assert.equal(new Int32Array(memory.bytes, TO_WORKER.control)[32], 1, 'nobody was woken')
    close()
  })

  test('a memory that is used again begins anew', async () => {
    const memories = new Memories(native())
    const first = memories.take()
    new Uint8Array(first.bytes, 0, 4096).fill(1)
    native().setEvent(first.ownerEvent)
    memories.giveBack(first, { isUsedUp: false })
    const second = memories.take()
    assert.equal(second, first)
    assert.ok(new Uint8Array(second.bytes, 0, 4096).every((byte) => byte === 0))
    memories.close()
    memories.giveBack(second, { isUsedUp: false })
  })
})
