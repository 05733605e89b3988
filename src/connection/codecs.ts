// Runs in: owner and child. What send() makes of a value and recv() of a message. Pure.
import { ProtocolError, UsageError } from '../errors.js'
import { decodeClone, encodeClone } from './clone-codec.js'
import { pickle } from './pickle/pickle.js'

/**
 * Turns values into messages and back. What either method throws is what send() or recv() rejects with.
 *
 * @typeParam T the values
 * @example
 * const text: Codec<string> = { encode: (value) => Buffer.from(value), decode: (bytes) => Buffer.from(bytes).toString() }
 */
export interface Codec<T = unknown> {
  /** @returns the bytes of the message. They must not change until send() has resolved. */
  encode(value: T): Uint8Array
  /** @param bytes of one message, in memory that is the codec's from now on */
  decode(bytes: Uint8Array): T
}

/**
 * The codecs that have a name: structured clones; JSON; a Uint8Array as it is; plain data as Python's pickle writes it.
 */
export type CodecName = 'clone' | 'json' | 'bytes' | 'pickle'

function encodeJson(value: unknown): Uint8Array {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const reason = (cause as Error).message
    throw new UsageError('ERR_CANNOT_CLONE', `The value has no form in JSON: ${reason}. Use the codec 'clone'.`, {
      cause,
    })
  }
  if (text !== undefined) return Buffer.from(text)
  throw new UsageError(
    'ERR_CANNOT_CLONE',
    `The value is ${typeof value}, which has no form in JSON. Pass null instead.`,
  )
}

function decodeJson(bytes: Uint8Array): unknown {
  try {
    const buffer = bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    return JSON.parse(buffer.toString('utf8'))
  } catch (cause) {
    const text = `A message of ${bytes.length} bytes is not JSON. Do both sides use the same codec?`
    throw new ProtocolError('ERR_PROTOCOL', text, { cause })
  }
}

function encodeBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new UsageError('ERR_INVALID_ARGUMENT', `The codec 'bytes' sends a Uint8Array or a Buffer, not ${typeof value}.`)
}

const CODECS: Readonly<Record<CodecName, Codec>> = {
  clone: { encode: encodeClone, decode: decodeClone },
  json: { encode: encodeJson, decode: decodeJson },
  bytes: { encode: encodeBytes, decode: (bytes) => bytes },
  pickle,
}

/** The names, for checks. */
export const CODEC_NAMES = Object.keys(CODECS) as readonly CodecName[]

/** Finds a codec by its name, or takes one's own. */
export function codecOf(codec: CodecName | Codec): Codec {
  return typeof codec === 'string' ? CODECS[codec] : codec
}
