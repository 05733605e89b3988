// Runs in: owner and template. The control messages that an owner and its template exchange after the handshake: what
// is allowed when, and their codec. Pure: payloads in, payloads out. Their table is in control-messages.ts.
//
// A message is a kind and a few fixed integers, and it may carry descriptors. It has no text and no length,
// because nothing that a user chooses goes through the template: the module, arguments, environment and result
// of a job travel in the child's own channel.
//
// The one rule: every `fork` gets exactly one `forked` or one `forkFailed`, and every `forked` gets exactly one
// `exited`. A message that is not in the table, or not allowed at its time, closes that connection and no other.

import { ProtocolError } from '../errors.js'
import {
  CONTROL_MESSAGES,
  type ControlDirection,
  type ControlMessage,
  type ControlMessageOf,
  type ControlMessageToTemplate,
  type ControlName,
  type ControlShape,
  FIELD_BYTES,
  FORK_DESCRIPTORS,
} from './control-messages.js'
import { REFUSALS } from './refusal-reasons.js'
import { MAX_STDIO } from './startup.js'

/** The version that attach and attached carry. There is no negotiation: another version is an error that names both. */
export const PROTOCOL_VERSION = 1

/** The largest control message to take after the handshake, in bytes. The longest in the table has 43. */
export const MAX_CONTROL_PAYLOAD = 64

/** Bit 0 of fork's flags: the child may outlive its owner, in a session of its own. */
export const FLAG_DETACHED = 1

/**
 * Bit 1 of fork's flags: signals go to the child's whole process group, and the rest of the group ends with the child.
 */
export const FLAG_KILL_TREE = 2

/** Bit 2 of fork's flags: the child may outlive its owner, and stays in the owner's session. */
export const FLAG_OUTLIVES = 4

// Linux's largest signal number, SIGRTMAX (_NSIG in asm/signal.h). kill() answers EINVAL to anything above.
const MAX_SIGNAL = 64

interface Layout {
  readonly name: ControlName
  readonly kind: number
  readonly direction: ControlDirection
  /** Bytes of the whole message, its kind included. */
  readonly bytes: number
  readonly fields: readonly { readonly name: string; readonly bytes: number; readonly label: string }[]
}

const LAYOUTS = (Object.keys(CONTROL_MESSAGES) as ControlName[]).map((name): Layout => {
  const shape: ControlShape = CONTROL_MESSAGES[name]
  const fields = shape.fields.map(([field, type]) => ({
    name: field,
    bytes: FIELD_BYTES[type],
    label: `${name}.${field}`,
  }))
  const bytes = fields.reduce((sum, field) => sum + field.bytes, 1)
  return { name, kind: shape.kind, direction: shape.direction, bytes, fields }
})
const LAYOUT_BY_NAME = new Map<string, Layout>(LAYOUTS.map((layout) => [layout.name, layout]))
const LAYOUT_BY_KIND = new Map<number, Layout>(LAYOUTS.map((layout) => [layout.kind, layout]))

/**
 * Writes a control message.
 *
 * @param message its name and every one of its fields
 * @param into takes the payload instead of a new buffer; it has room for MAX_CONTROL_PAYLOAD bytes
 * @returns the payload of one frame; the caller sends the descriptors
 * @throws ProtocolError ERR_PROTOCOL if a value does not fit its field or is not allowed in it
 */
export function encodeControl(message: ControlMessage, into?: Buffer): Buffer {
  const layout = LAYOUT_BY_NAME.get(message.name)
  if (!layout) throw violation(`'${message.name}' is no control message`)
  checkValues(message)
  const payload = into?.subarray(0, layout.bytes) ?? Buffer.allocUnsafe(layout.bytes)
  payload[0] = layout.kind
  const values = message as unknown as Record<string, number>
  let offset = 1
  for (const { name, bytes, label } of layout.fields) {
    writeUnsigned(payload, offset, bytes, values[name]!, label)
    offset += bytes
  }
  return payload
}

/**
 * Reads a control message. Its length must be exactly that of its kind.
 *
 * @param direction in which the payload travelled: a message of the other direction is a violation
 * @param payload of one frame
 * @returns the message
 * @throws ProtocolError ERR_PROTOCOL if kind, length or a value is not allowed
 */
export function decodeControl<Direction extends ControlDirection>(
  direction: Direction,
  payload: Uint8Array,
): ControlMessageOf<Direction> {
  const kind = payload[0]
  if (kind === undefined) throw violation('a control message is empty')
  const layout = LAYOUT_BY_KIND.get(kind)
  if (layout?.direction !== direction) throw violation(`kind ${kind} is no message from ${direction}`)
  if (payload.length !== layout.bytes) {
    throw violation(`${layout.name} (kind ${kind}) has ${layout.bytes} bytes, but came with ${payload.length}`)
  }
  const values: Record<string, string | number> = { name: layout.name }
  let offset = 1
  for (const { name, bytes, label } of layout.fields) {
    values[name] = readUnsigned(payload, offset, bytes, label)
    offset += bytes
  }
  // The loop has read every field of the table, so the object has this type. tsc cannot see that.
  checkValues(values as unknown as ControlMessage)
  return values as unknown as ControlMessageOf<Direction>
}

/** What one owner may send to the template now. It knows no descriptors and no pids. */
export class ControlSession {
  #isAttached = false
  readonly #live = new Set<number>()

  /**
   * Reads a message and checks that it is allowed now. If it throws, close the connection.
   *
   * @param payload of one frame
   * @returns the message; isLive() says whether the child that a signal names is alive
   * @throws ProtocolError ERR_PROTOCOL as decodeControl() does, and if the table does not allow the message now
   */
  receive(payload: Uint8Array): ControlMessageToTemplate {
    const message = decodeControl('owner to template', payload)
    if ((message.name === 'attach') === this.#isAttached) {
      throw violation(`${message.name} came ${this.#isAttached ? 'a second time' : 'before attach'}`)
    }
    this.#isAttached = true
    if (message.name === 'fork') {
      if (this.#live.has(message.id)) throw violation(`fork.id is ${message.id}, which a live child has`)
      this.#live.add(message.id)
    }
    return message
  }

  /** Whether the child of this fork has not ended. An owner may signal a child that has just ended. */
  isLive(id: number): boolean {
    return this.#live.has(id)
  }

  /** Frees the id of a fork: call it with every forkFailed and every exited that is sent. */
  settle(id: number): void {
    this.#live.delete(id)
  }
}

/** Checks what the types of the fields do not say. */
function checkValues(message: ControlMessage): void {
  switch (message.name) {
    case 'attach':
    case 'attached':
      if (message.version === PROTOCOL_VERSION) return
      throw violation(`the other side speaks version ${message.version}, this side version ${PROTOCOL_VERSION}`)
    case 'fork':
      if ((message.flags & ~(FLAG_DETACHED | FLAG_KILL_TREE | FLAG_OUTLIVES)) !== 0)
        throw violation(`fork.flags is ${message.flags}; only bits 0 to 2 have a meaning`)
      if (message.stdio === 0) return
      if (message.stdio >= FORK_DESCRIPTORS - 1 && message.stdio <= MAX_STDIO) return
      throw violation(`fork.stdio is ${message.stdio}; it is 3 to ${MAX_STDIO}, or 0`)
    case 'refused':
      if (message.reason < REFUSALS.length) return
      throw violation(`refused.reason is ${message.reason}; the largest is ${REFUSALS.length - 1}`)
    case 'signal':
    case 'exited':
      if (message.signal <= MAX_SIGNAL) return
      throw violation(`${message.name}.signal is ${message.signal}; the largest is ${MAX_SIGNAL}`)
  }
}

function writeUnsigned(into: Uint8Array, offset: number, bytes: number, value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (8 * bytes)) {
    throw violation(`${what} is ${value}, which does not fit into ${bytes} bytes`)
  }
  let rest = value
  for (let at = offset + bytes - 1; at >= offset; at--) {
    into[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

function readUnsigned(from: Uint8Array, offset: number, bytes: number, what: string): number {
  let value = 0
  for (let at = offset; at < offset + bytes; at++) value = value * 256 + from[at]!
  // Rounding above 2 ** 53 never yields a safe integer, so nothing slips through as another number.
  if (value > Number.MAX_SAFE_INTEGER) throw violation(`${what} is ${value}, which is not a safe integer`)
  return value
}

function violation(what: string): ProtocolError {
  return new ProtocolError('ERR_PROTOCOL', `The control protocol was broken: ${what}.`)
}
