// Runs in: the test runner. Pickles recorded from real Pythons, of every protocol, arrive as what they are.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pickle, pickleCodec } from '#src/connection/pickle/pickle.js'
import { ProtocolError } from '#src/errors.js'
import { CASES, REFUSED } from './cases.js'
import { RECORDED, type Recorded } from './recorded.js'

const exact = pickleCodec({ exact: true })
const of = (python: string): readonly Recorded[] => RECORDED.filter((recorded) => recorded.python === python)
const bytesOf = ({ hex }: Recorded): Buffer => Buffer.from(hex, 'hex')

test('there are vectors of every case, and of no other', () => {
  const names = [...CASES.map(({ python }) => python), ...REFUSED.map(([python]) => python)]
  assert.deepEqual([...new Set(RECORDED.map(({ python }) => python))], names)
  for (const { python } of CASES) {
    assert.deepEqual([...new Set(of(python).map(({ protocol }) => protocol))], [0, 1, 2, 3, 4, 5], python)
  }
})

describe('arrives', () => {
  for (const { python, value, exact: exactValue } of CASES) {
    test(python, () => {
      for (const recorded of of(python)) {
        const where = `protocol ${recorded.protocol} of ${recorded.by}`
        assert.deepStrictEqual(pickle.decode(bytesOf(recorded)), value, where)
        // Python 2 has no type for bytes, so a bytearray's pickle goes another way there; the rest is the same.
        assert.deepStrictEqual(exact.decode(bytesOf(recorded)), exactValue, `${where}, exact`)
      }
    })
  }
})

test('what is shared in Python is shared here', () => {
  for (const recorded of of('(lambda a: [a, a])([1])')) {
    const [one, other] = pickle.decode(bytesOf(recorded)) as unknown[]
    assert.equal(one, other)
  }
})

test('read with exact, it is written back as the same types', () => {
  for (const { python } of CASES) {
    for (const recorded of of(python)) {
      const value = exact.decode(bytesOf(recorded))
      assert.deepStrictEqual(exact.decode(exact.encode(value)), value, python)
    }
  }
})

test('a pickle that is cut short anywhere is an error that says where', () => {
  for (const recorded of RECORDED.filter(({ hex }) => hex.length < 400)) {
    const bytes = bytesOf(recorded)
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(
        () => pickle.decode(bytes.subarray(0, length)),
        (error: unknown) =>
          error instanceof ProtocolError &&
          (error.code === 'ERR_PICKLE_REFUSED' || (error.code === 'ERR_PROTOCOL' && /at byte \d+/.test(error.message))),
        `${recorded.python}, protocol ${recorded.protocol}, ${length} of ${bytes.length} bytes`,
      )
    }
  }
})

test('nothing in the result shares memory with the bytes', () => {
  const bytes = Buffer.from(pickle.encode([new Uint8Array([1, 2, 3]), 'text']))
  const value = pickle.decode(bytes)
  bytes.fill(0)
  assert.deepEqual(value, [new Uint8Array([1, 2, 3]), 'text'])
})

test('decode() takes bytes, also of another realm, and nothing else', async () => {
  const { runInNewContext } = await import('node:vm')
  assert.equal(pickle.decode(runInNewContext('new Uint8Array([0x4e, 0x2e])')), null)
  for (const wrong of ['text', null, new ArrayBuffer(2), [0x4e, 0x2e]]) {
    const call = (): unknown => pickle.decode(wrong as unknown as Uint8Array)
    assert.throws(call, { name: 'UsageError', code: 'ERR_INVALID_ARGUMENT' })
  }
})

test('options are checked', () => {
  assert.throws(() => pickleCodec({ exct: true } as object), { code: 'ERR_UNKNOWN_OPTION' })
  assert.throws(() => pickleCodec({ maxValues: 0 }), { code: 'ERR_INVALID_OPTION' })
})
