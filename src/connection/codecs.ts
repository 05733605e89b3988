// Runs in: owner and child. Codecs convert the values of send() and recv() to messages and back. Pure.
import { ProtocolError, UsageError } from '../errors.js'
import { decodeClone, encodeClone } from './clone-codec.js'
import { pickle } from './pickle/pickle.js'

/**
 * Converts values to messages and back. If a method throws, send() or recv() rejects with that error.
 *
 * @typeParam T the type of the values
 * @example
 * const text: Codec<string> = {
 *   encode: (value) => Buffer.from(value),
 *   decode: (bytes) => Buffer.from(bytes).toString(),
 * }
 */
export interface Codec<T = unknown> {
  /**
   * Converts a value to a message.
   *
   * @param value the value that was given to send()
   * @returns the bytes of the message. They must not change until send() has settled
   */
  encode(value: T): Uint8Array
  /**
   * Converts a message to a value.
   *
   * @param bytes the bytes of one message. The codec may keep this memory
   * @returns the value that recv() returns
   */
  decode(bytes: Uint8Array): T
}

/**
 * The codecs with a name: structured clone, JSON, a Uint8Array unchanged, and plain data in the form of Python's
 * pickle.
 */
export type CodecName = 'clone' | 'json' | 'bytes' | 'pickle'

function encodeJson(value: unknown): Uint8Array {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    const reason = (cause as Error).message
    throw new UsageError('ERR_CANNOT_CLONE', `The value cannot be written as JSON: ${reason}. Use the codec 'clone'.`, {
      cause,
    })
  }
  if (text !== undefined) return Buffer.from(text)
  throw new UsageError('ERR_CANNOT_CLONE', `JSON cannot represent a value of type ${typeof value}. Pass null instead.`)
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

/** The names, for the check of the option. */
export const CODEC_NAMES = Object.keys(CODECS) as readonly CodecName[]

/** Returns the codec of that name. A codec of the user is returned unchanged. */
export function codecOf(codec: CodecName | Codec): Codec {
  return typeof codec === 'string' ? CODECS[codec] : codec
}
