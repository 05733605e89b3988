// Runs in: the test runner. src/wire/control-codec.ts: the codec against the table, exact bytes of one message each
// way, and every kind of message that must be refused.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { expectTypeOf } from 'expect-type'
import fc from 'fast-check'
import { ProtocolError } from '#src/errors.js'
import {
  ControlSession,
  decodeControl,
  encodeControl,
  FLAG_DETACHED,
  MAX_CONTROL_PAYLOAD,
  PROTOCOL_VERSION,
} from '#src/wire/control-codec.js'
import {
  ATTACH_DESCRIPTORS,
  CONTROL_MESSAGES,
  type ControlMessage,
  type ControlMessageToOwner,
  type ControlMessageToTemplate,
  type ControlName,
  FORK_DESCRIPTORS,
  type ForkMessage,
} from '#src/wire/control-messages.js'
import { REFUSALS } from '#src/wire/refusal-reasons.js'

const TO_TEMPLATE = 'owner to template'
const TO_OWNER = 'template to owner'
const NAMES = Object.keys(CONTROL_MESSAGES) as ControlName[]
const LARGEST = { u8: 0xff, u16: 0xffff, u32: 0xffffffff, u64: Number.MAX_SAFE_INTEGER }
const BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 }

const attach = { name: 'attach', version: PROTOCOL_VERSION } as const
const fork = { name: 'fork', id: 1, flags: 0, stdio: 3 } as const

function violates(call: () => unknown, text: RegExp): void {
  assert.throws(call, (error: unknown) => {
    assert.ok(error instanceof ProtocolError)
    assert.equal(error.code, 'ERR_PROTOCOL')
    assert.match(error.message, text)
    return true
  })
}

/** Any message that the protocol allows, with fields over their whole range. */
const anyMessage: fc.Arbitrary<ControlMessage> = fc.constantFrom(...NAMES).chain((name) => {
  const fields = CONTROL_MESSAGES[name].fields.map(([field, type]): [string, fc.Arbitrary<number>] => {
    if (field === 'version') return [field, fc.constant(PROTOCOL_VERSION)]
    if (field === 'flags') return [field, fc.constantFrom(0, FLAG_DETACHED)]
    if (field === 'stdio') return [field, fc.integer({ min: 3, max: 15 })]
    if (field === 'signal') return [field, fc.nat(64)]
    if (field === 'reason') return [field, fc.nat(REFUSALS.length - 1)]
    return [field, fc.oneof(fc.constantFrom(0, 1, LARGEST[type]), fc.integer({ min: 0, max: LARGEST[type] }))]
  })
  const record = fc.record({ name: fc.constant(name), ...Object.fromEntries(fields) }, { noNullPrototype: true })
  return record as unknown as fc.Arbitrary<ControlMessage>
})

describe('the table', () => {
  test('kinds are bytes of their own; those of the template have the highest bit set', () => {
    const kinds = NAMES.map((name) => CONTROL_MESSAGES[name].kind)
    assert.deepEqual(kinds, [1, 2, 3, 4, 5, 129, 130, 131, 132, 134, 133])
    for (const name of NAMES) {
      assert.equal(CONTROL_MESSAGES[name].kind > 127, CONTROL_MESSAGES[name].direction === TO_OWNER, name)
    }
  })

  test('only requests carry descriptors', () => {
    assert.equal(ATTACH_DESCRIPTORS, 1)
    assert.equal(FORK_DESCRIPTORS, 4)
    assert.deepEqual(CONTROL_MESSAGES.fork.descriptors, ['channel', 'stdin', 'stdout', 'stderr'])
    const carriers = NAMES.filter((name) => CONTROL_MESSAGES[name].descriptors.length > 0)
    assert.deepEqual(carriers, ['attach', 'fork', 'handOver'])
  })

  test('every message fits MAX_CONTROL_PAYLOAD', () => {
    const sizes = NAMES.map((name) => CONTROL_MESSAGES[name].fields.reduce((sum, [, type]) => sum + BYTES[type], 1))
    assert.deepEqual(sizes, [3, 8, 6, 1, 1, 7, 9, 7, 43, 14, 5])
    assert.ok(Math.max(...sizes) <= MAX_CONTROL_PAYLOAD)
  })

  test('the types follow it', () => {
    expectTypeOf<ForkMessage>().branded.toEqualTypeOf<{
      readonly name: 'fork'
      readonly id: number
      readonly flags: number
      readonly stdio: number
    }>()
    expectTypeOf<ControlMessageToTemplate['name']>().toEqualTypeOf<
      'attach' | 'fork' | 'signal' | 'detach' | 'handOver'
    >()
    expectTypeOf<ControlMessageToOwner['name']>().toEqualTypeOf<
      'attached' | 'forked' | 'forkFailed' | 'exited' | 'detached' | 'refused'
    >()
    expectTypeOf(decodeControl<typeof TO_OWNER>).returns.toEqualTypeOf<ControlMessageToOwner>()
    // @ts-expect-error: a field is missing
    const incomplete: ControlMessage = { name: 'forked', id: 1 }
    violates(() => encodeControl(incomplete), /forked\.pid is undefined/)
  })
})

describe('the codec', () => {
  const used = Buffer.alloc(MAX_CONTROL_PAYLOAD, 0xee)

  test('what is written is read, for every message and every value', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        const { direction } = CONTROL_MESSAGES[message.name]
        assert.deepEqual(decodeControl(direction, encodeControl(message)), message)
        assert.deepEqual(decodeControl(direction, encodeControl(message, used)), message)
        assert.deepEqual(decodeControl(direction, Uint8Array.from(encodeControl(message))), message)
      }),
      { numRuns: 1000 },
    )
  })

  test('exact bytes, to the template', () => {
    const message = { ...fork, id: 7, flags: 1 }
    const hex = '02' + '00000007' + '0001' + '03'
    assert.equal(encodeControl(message).toString('hex'), hex)
    assert.equal(encodeControl(attach).toString('hex'), '010001')
    assert.equal(encodeControl({ name: 'signal', id: 7, signal: 9 }).toString('hex'), '030000000709')
  })

  test('exact bytes, to the owner', () => {
    assert.equal(encodeControl({ name: 'attached', version: 1, pid: 258 }).toString('hex'), '81000100000102')
    assert.equal(encodeControl({ name: 'forked', id: 7, pid: 4194304 }).toString('hex'), '820000000700400000')
    assert.equal(encodeControl({ name: 'forkFailed', id: 7, errno: 11 }).toString('hex'), '8300000007000b')
    const usage = { userMicros: 1, systemMicros: 2, maxRssBytes: 2 ** 40, minorFaults: 3, majorFaults: 4 }
    assert.equal(
      encodeControl({ name: 'exited', id: 7, pid: 9, exitCode: 1, signal: 15, ...usage }).toString('hex'),
      '84000000070000000901' +
        '0f' +
        '0000000000000001' +
        '0000000000000002' +
        '0000010000000000' +
        '00000003' +
        '00000004',
    )
  })

  test('any other length is a violation', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(MAX_CONTROL_PAYLOAD), (message, length) => {
        const payload = encodeControl(message)
        if (length === payload.length) return
        const wrong = Buffer.concat([payload, Buffer.alloc(64)]).subarray(0, length)
        violates(
          () => decodeControl(CONTROL_MESSAGES[message.name].direction, wrong),
          /has \d+ bytes, but came with|is empty/,
        )
      }),
    )
  })

  test('kinds that are not in the table, and kinds of the other direction', () => {
    for (let kind = 0; kind < 256; kind++) {
      const known = NAMES.find((name) => CONTROL_MESSAGES[name].kind === kind)
      const payload = Buffer.from([kind])
      for (const direction of [TO_TEMPLATE, TO_OWNER] as const) {
        const shape = known && CONTROL_MESSAGES[known]
        if (shape?.fields.length === 0 && shape.direction === direction) continue // it is its kind alone
        violates(
          () => decodeControl(direction, payload),
          known ? /bytes|no message from/ : /kind \d+ is no message from/,
        )
      }
    }
    violates(
      () => decodeControl(TO_TEMPLATE, encodeControl({ name: 'forked', id: 1, pid: 2 })),
      /kind 130 .* owner to template/,
    )
    violates(() => decodeControl(TO_OWNER, encodeControl(attach)), /kind 1 .* template to owner/)
  })

  test('values that are not allowed', () => {
    violates(() => decodeControl(TO_TEMPLATE, Buffer.from('010002', 'hex')), /version 2, this side version 1/)
    violates(() => decodeControl(TO_OWNER, Buffer.from('81000000000001', 'hex')), /version 0, this side version 1/)
    violates(() => encodeControl({ ...fork, flags: 8 }), /flags is 8/)
    violates(() => encodeControl({ ...fork, stdio: 2 }), /stdio is 2/)
    violates(() => encodeControl({ ...fork, stdio: 16 }), /stdio is 16/)
    violates(() => encodeControl({ name: 'signal', id: 1, signal: 65 }), /signal is 65/)
    violates(() => encodeControl({ name: 'refused', reason: 5, uid: 1, peer: 1, count: 1 }), /reason is 5/)
    const exited = { name: 'exited', id: 7, pid: 9, exitCode: 0, signal: 0, userMicros: 0 } as const
    const rest = { systemMicros: 0, maxRssBytes: 0, minorFaults: 0, majorFaults: 0 }
    const unsafe = encodeControl({ ...exited, ...rest })
    unsafe.set([0, 0x20, 0, 0, 0, 0, 0, 0], 11)
    violates(() => decodeControl(TO_OWNER, unsafe), /userMicros is 9007199254740992/)
    for (const id of [-1, 2 ** 32, 0.5, Number.NaN]) violates(() => encodeControl({ ...fork, id }), /fork\.id is/)
    for (const userMicros of [-1, 2 ** 53, 1.5])
      violates(() => encodeControl({ ...exited, ...rest, userMicros }), /exited\.userMicros is/)
    const stranger = { name: 'steal' } as unknown as ControlMessage
    violates(() => encodeControl(stranger), /'steal' is no control message/)
  })

  test('random bytes are a message or a ProtocolError', () => {
    const kind = fc.constantFrom(...NAMES.map((name) => CONTROL_MESSAGES[name].kind), 0, 4, 255)
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.tuple(kind, fc.uint8Array({ maxLength: 50 })).map(([first, rest]) => Uint8Array.of(first, ...rest)),
    )
    fc.assert(
      fc.property(payload, fc.constantFrom(TO_TEMPLATE, TO_OWNER), (bytes, direction) => {
        try {
          assert.deepEqual(encodeControl(decodeControl(direction, bytes)), Buffer.from(bytes))
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a session', () => {
  const attached = (): ControlSession => {
    const session = new ControlSession()
    assert.deepEqual(session.receive(encodeControl(attach)), attach)
    return session
  }

  test('nothing but attach comes first', () => {
    violates(() => new ControlSession().receive(encodeControl(fork)), /fork came before attach/)
    violates(() => new ControlSession().receive(encodeControl({ name: 'signal', id: 1, signal: 9 })), /before attach/)
  })

  test('attach comes once', () => {
    const session = attached()
    violates(() => session.receive(encodeControl(attach)), /attach came a second time/)
  })

  test('an id names one live child at a time', () => {
    const session = attached()
    assert.deepEqual(session.receive(encodeControl(fork)), fork)
    violates(() => session.receive(encodeControl(fork)), /fork\.id is 1, which a live child has/)
    assert.ok(session.isLive(1))
    session.settle(1)
    assert.ok(!session.isLive(1))
    assert.deepEqual(session.receive(encodeControl(fork)), fork)
  })

  test('ids of one owner mean nothing to another', () => {
    const [one, two] = [attached(), attached()]
    one.receive(encodeControl(fork))
    assert.ok(!two.isLive(1))
    two.receive(encodeControl(fork))
  })

  test('a signal for a child that has exited is allowed, and known as such', () => {
    const session = attached()
    const signal = { name: 'signal', id: 5, signal: 15 } as const
    assert.deepEqual(session.receive(encodeControl(signal)), signal)
    assert.equal(session.isLive(5), false)
  })
})
