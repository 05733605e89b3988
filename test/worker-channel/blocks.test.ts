// Runs in: the test runner. Blocks for large buffers: both ends over one memory.
import assert from 'node:assert/strict'
import { closeSync, fstatSync } from 'node:fs'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import v8 from 'node:v8'
import vm from 'node:vm'
import fc from 'fast-check'
import { findNative, type Native } from '#src/platform/native.js'
import { decodeBlocks, encodeBlocks, type SentBlock } from '#src/wire/worker/block-table.js'
import { BlockReceiver, BlockSender } from '#src/worker-channel/blocks.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const MIB = 2 ** 20
const found = findNative()
const skip = 'missing' in found ? found.missing : false
const native = 'native' in found ? found.native : (undefined as never)

function withMemory(body: (fd: number, sender: BlockSender, receiver: BlockReceiver) => void | Promise<void>) {
  return async (): Promise<void> => {
    const fd = native.newSharedMemory(4096)
    const sender = new BlockSender(native, fd, 'owner')
    try {
      await body(fd, sender, new BlockReceiver(native, fd, 'owner'))
    } finally {
      sender.release()
      closeSync(fd)
    }
  }
}

/** Bytes of memory behind a descriptor. */
const held = (fd: number): number => fstatSync(fd).blocks * 512

v8.setFlagsFromString('--expose-gc')
const collect = vm.runInNewContext('gc') as () => void

/** What nobody has is collected. */
async function collected(isDone: () => boolean): Promise<void> {
  for (let round = 0; !isDone(); round++) {
    assert.ok(round < 100, 'A buffer that nobody has was not collected.')
    collect()
    await turn()
  }
}

const offsetOf = (sent: SentBlock): number => {
  assert.ok(!(sent instanceof Uint8Array))
  return sent.offset
}

test(
  'what is written is what is taken, whatever its size',
  { skip },
  withMemory((_, sender, receiver) => {
    for (const length of [1, 4095, 4096, 65_536, 65_537, 3 * MIB + 1]) {
      const bytes = new Uint8Array(length).map((_, index) => index * 7 + length)
      assert.deepEqual(new Uint8Array(receiver.take(sender.write(bytes))), bytes)
    }
  }),
)

test(
  'a block is used again when nobody has its buffer any more, and not before',
  { skip },
  withMemory(async (_, sender, receiver) => {
    const sent = sender.write(new Uint8Array(MIB).fill(1))
    const first = offsetOf(sent)
    sender.settle([sent]) // the receiver has answered, and still has the buffer
    let buffer: ArrayBuffer | undefined = receiver.take({ offset: first, length: MIB })
    collect()
    await turn()
    const second = offsetOf(sender.write(new Uint8Array(MIB).fill(2)))
    assert.notEqual(second, first)
    assert.ok(new Uint8Array(buffer).every((byte) => byte === 1))
    buffer = undefined
    let third = 0
    await collected(() => {
      const other = sender.write(new Uint8Array(MIB - 5).fill(3))
      third = offsetOf(other)
      if (third === first) return true
      sender.takeBack(other)
      return false
    })
    assert.ok(new Uint8Array(receiver.take({ offset: third, length: MIB - 5 })).every((byte) => byte === 3))
  }),
)

test(
  'a block is not used for what is much smaller',
  { skip },
  withMemory((_, sender) => {
    const large = sender.write(new Uint8Array(MIB))
    sender.takeBack(large)
    assert.notEqual(offsetOf(sender.write(new Uint8Array(MIB / 4))), offsetOf(large))
    assert.equal(offsetOf(sender.write(new Uint8Array(MIB / 2))), offsetOf(large))
  }),
)

test(
  'what is taken back is what was written, and apart from the block',
  { skip },
  withMemory((_, sender) => {
    const bytes = new Uint8Array(100_000).fill(5)
    const back = sender.takeBack(sender.write(bytes))
    sender.write(new Uint8Array(100_000).fill(6))
    assert.deepEqual(new Uint8Array(back), bytes)
    assert.equal(sender.takeBack(bytes), bytes)
  }),
)

test(
  'more spare blocks than 128 MiB are given back, and all of them at the end; what the receiver has stays',
  { skip },
  withMemory((fd, sender, receiver) => {
    const sent = Array.from({ length: 20 }, () => sender.write(new Uint8Array(8 * MIB)))
    assert.ok(held(fd) >= 160 * MIB)
    for (const block of sent) sender.takeBack(block)
    sender.write(new Uint8Array(64 * 1024))
    assert.ok(held(fd) < 130 * MIB, `${held(fd)}`)
    const back = new BlockSender(native, fd, 'worker')
    const results = new BlockReceiver(native, fd, 'worker')
    const kept = results.take(back.write(new Uint8Array(MIB).fill(9)))
    back.write(new Uint8Array(MIB)) // and dies before it tells
    sender.release()
    results.release()
    assert.ok(held(fd) < 1.1 * MIB, `${held(fd)}`)
    assert.ok(new Uint8Array(kept).every((byte) => byte === 9))
    void receiver
  }),
)

test(
  'a block that lies elsewhere is refused, and nothing is mapped',
  { skip },
  withMemory((_, sender, receiver) => {
    const { offset } = sender.write(new Uint8Array(MIB)) as { offset: number }
    const elsewhere = [
      { offset: 0, length: 4096 },
      { offset: offset + 1, length: 1 },
      { offset: offset - 65_536, length: 1 },
      { offset, length: 0 },
      { offset, length: MIB + 1 },
      { offset, length: 2 ** 52 },
      { offset: 2 * offset, length: 1 },
    ]
    for (const block of elsewhere)
      assert.throws(() => receiver.take(block), { code: 'ERR_PROTOCOL' }, `${block.offset}`)
    assert.equal(receiver.isUsed, false)
  }),
)

test(
  'where there is no room the bytes travel in the message',
  { skip },
  withMemory((fd, _, receiver) => {
    const bytes = new Uint8Array(MIB).fill(4)
    const full = new BlockSender({ ...native, mapSharedMemory: () => -12 } as Native, fd, 'owner')
    assert.equal(full.write(bytes), bytes)
    assert.equal(held(fd), 0)
    const nowhere = new BlockSender(native, -1, 'owner')
    assert.throws(() => nowhere.write(bytes), { code: 'ERR_RESOURCE' }) // no memory at all is a fault of ours
    const { blocks, rest } = decodeBlocks(Buffer.concat([encodeBlocks([bytes]), Buffer.from('rest')]))
    assert.deepEqual(new Uint8Array(receiver.take(blocks[0]!)), bytes)
    assert.equal(rest.toString(), 'rest')
  }),
)

test('a table of blocks that nobody wrote is refused, or is one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        const { blocks, rest } = decodeBlocks(Buffer.from(bytes))
        assert.ok(rest.length <= bytes.length)
        assert.ok(blocks.length <= bytes.length / 16)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_PROTOCOL')
      }
    }),
  )
  const table = encodeBlocks([Uint8Array.of(1, 2, 3)])
  for (let end = 0; end < table.length; end++)
    assert.throws(() => decodeBlocks(table.subarray(0, end)), { code: 'ERR_PROTOCOL' })
  table.writeDoubleBE(-1, 12)
  assert.throws(() => decodeBlocks(table), { code: 'ERR_PROTOCOL' })
})
