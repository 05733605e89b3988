// Runs in: the test runner. Messages of the job channel: what is encoded is decoded, and nothing else is.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '#src/errors.js'
import {
  CHANNEL_MESSAGES,
  decodeChildMessage,
  decodeJob,
  encodeBegun,
  encodeChildMessage,
  encodeJob,
  type JobHead,
} from '#src/wire/job.js'

const isBroken = { name: 'ProtocolError', code: 'ERR_PROTOCOL' }

describe('a job', () => {
  const head: JobHead = {
    module: 'file:///ä/jobs.js',
    name: 'run',
    cwd: '/tmp',
    env: { set: { A: '€' }, unset: ['B'] },
    heapLimit: 2 ** 40,
    cpuSeconds: 3,
    openFiles: 64,
    preload: [{ module: 'typescript', optional: false }],
  }

  test('has the bytes that docs/PROTOCOL.md says', () => {
    const payload = encodeJob({ module: 'm', name: 'f' }, Buffer.from([1, 2, 3]))
    const json = '{"module":"m","name":"f"}'
    assert.deepEqual(payload, Buffer.from([1, 0, 0, 0, json.length, ...Buffer.from(json), 1, 2, 3]))
  })

  test('comes back whole', () => {
    for (const args of [Buffer.alloc(0), Buffer.from('arguments'), Buffer.alloc(1_000_000, 7)]) {
      const decoded = decodeJob(encodeJob(head, args))
      assert.deepEqual(decoded.head, head)
      assert.ok(decoded.args.equals(args))
    }
  })

  test('its arguments are not copied when it is read', () => {
    const payload = encodeJob(head, Buffer.from('abc'))
    assert.equal(decodeJob(payload).args.buffer, payload.buffer)
  })

  test('property: any head and any arguments', () => {
    const heads = fc.record(
      { module: fc.string({ unit: 'grapheme' }), name: fc.string({ unit: 'grapheme' }) },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(heads, fc.uint8Array(), (anyHead, args) => {
        const decoded = decodeJob(encodeJob(anyHead, args))
        assert.deepEqual(decoded.head, anyHead)
        assert.deepEqual([...decoded.args], [...args])
      }),
    )
  })

  test('of another kind, or cut short, is refused', () => {
    const payload = encodeJob(head, Buffer.from('abc'))
    assert.throws(() => decodeJob(Buffer.concat([Buffer.from([2]), payload.subarray(1)])), isBroken)
    for (const length of [0, 1, 4, 5, 20]) assert.throws(() => decodeJob(payload.subarray(0, length)), isBroken)
    const huge = Buffer.from(payload)
    huge.writeUInt32BE(2 ** 32 - 1, 1)
    assert.throws(() => decodeJob(huge), isBroken)
  })
})

describe("a child's messages", () => {
  test('result, thrown and worker carry a value', () => {
    for (const kind of ['result', 'thrown', 'worker'] as const) {
      for (const body of [Buffer.alloc(0), Buffer.from('value')]) {
        const payload = encodeChildMessage(kind, body)
        assert.equal(payload[0], CHANNEL_MESSAGES[kind].kind)
        assert.deepEqual(decodeChildMessage(payload), { kind, value: body })
      }
    }
  })

  test('leaving carries an exit code of one byte', () => {
    for (const exitCode of [0, 1, 255]) {
      const payload = encodeChildMessage('leaving', Uint8Array.of(exitCode))
      assert.deepEqual(decodeChildMessage(payload), { kind: 'leaving', exitCode })
    }
  })

  test('unborn carries an errno, as native/fork/fork.c writes it', () => {
    assert.deepEqual(decodeChildMessage(Buffer.from([5, 0, 11])), { kind: 'unborn', errno: 11 })
    assert.deepEqual(decodeChildMessage(Buffer.from([5, 1, 2])), { kind: 'unborn', errno: 258 })
  })

  test('begun carries a pid', () => {
    for (const pid of [1, 4_194_304, 2 ** 32 - 1])
      assert.deepEqual(decodeChildMessage(encodeBegun(pid)), { kind: 'begun', pid })
  })

  test('modules', () => {
    const modules = ['file:///a/node_modules/b/c.js', 'file:///ä']
    const payload = encodeChildMessage('modules', Buffer.from(JSON.stringify(modules)))
    assert.deepEqual(decodeChildMessage(payload), { kind: 'modules', modules })
    for (const text of ['', '{}', '[1]', '["a"', 'null'])
      assert.throws(() => decodeChildMessage(encodeChildMessage('modules', Buffer.from(text))), isBroken, text)
  })

  test('kinds are different, and none is 0', () => {
    const kinds = Object.values(CHANNEL_MESSAGES).map(({ kind }) => kind as number)
    assert.equal(new Set(kinds).size, kinds.length)
    assert.ok(!kinds.includes(0))
  })

  test('anything else is refused', () => {
    const wrong = [
      [],
      [0],
      [1, 2],
      [4],
      [4, 0, 0],
      [5],
      [5, 1],
      [5, 0, 0, 0],
      [6, 1],
      [6, 0, 0, 0, 1, 0],
      [7],
      [9],
      [255],
    ]
    for (const bytes of wrong) assert.throws(() => decodeChildMessage(Buffer.from(bytes)), isBroken, String(bytes))
  })

  test('property: any bytes are decoded or refused, and nothing else happens', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
        try {
          assert.equal(CHANNEL_MESSAGES[decodeChildMessage(Buffer.from(bytes)).kind].kind, bytes[0])
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
    )
  })
})
