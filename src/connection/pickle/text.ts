// Runs in: owner and child. The spellings of text in pickles: UTF-8 with lone surrogates, and the escapes of protocol 0. Pure.
//
// A str of Python may hold half a surrogate pair, as a string of JavaScript may. UTF-8 proper has no bytes for it; Python writes the three
// that the rule would give (error handler 'surrogatepass'), and Node would silently write and read U+FFFD instead.

import { isAscii, isUtf8 } from 'node:buffer'

// ED is the first byte of U+D000 to U+DFFF and never a later one, so these bytes are a surrogate wherever they stand.
const LEAD = 0xed
const SURROGATE_BYTES = 3

/** UTF-8 in which lone surrogates are allowed, as text; undefined for other bytes. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  if (isUtf8(bytes)) return bytes.toString()
  const parts: string[] = []
  let start = 0 // of what is not yet decoded
  for (let at = bytes.indexOf(LEAD); at !== -1; at = bytes.indexOf(LEAD, at + 1)) {
    if (at + SURROGATE_BYTES > bytes.length || bytes[at + 1]! < 0xa0 || !isContinuation(bytes[at + 2]!)) continue
    const before = bytes.subarray(start, at)
    if (!isContinuation(bytes[at + 1]!) || !isUtf8(before)) return undefined
    parts.push(
      before.toString(),
      String.fromCharCode(0xd000 | ((bytes[at + 1]! & 0x3f) << 6) | (bytes[at + 2]! & 0x3f)),
    )
    start = at + SURROGATE_BYTES
  }
  const rest = bytes.subarray(start)
  if (!isUtf8(rest)) return undefined
  parts.push(rest.toString())
  return parts.join('')
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}

/** Whether a string has no lone surrogates, so that Buffer writes it as it is. */
export function isWellFormed(text: string): boolean {
  // In Node since 20; TypeScript has it in a later library than Node 20 has the rest of.
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** UTF-8 of a string with lone surrogates: three bytes for each of them. */
export function encodeSurrogates(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length * SURROGATE_BYTES)
  let length = 0
  let start = 0 // of what is not yet written
  for (const { index } of text.matchAll(/\p{Surrogate}/gu)) {
    length += bytes.write(text.slice(start, index), length)
    const unit = text.charCodeAt(index)
    bytes[length++] = 0xe0 | (unit >> 12)
    bytes[length++] = 0x80 | ((unit >> 6) & 0x3f)
    bytes[length++] = 0x80 | (unit & 0x3f)
    start = index + 1
  }
  length += bytes.write(text.slice(start), length)
  return bytes.subarray(0, length)
}

/**
 * A line of protocol 0 as text: one byte is one character, `\uXXXX` and `\UXXXXXXXX` are any, and every other backslash is
 * itself (Python's codec raw-unicode-escape). undefined for an escape that is cut short or no character.
 */
export function decodeRawUnicodeEscape(bytes: Buffer): string | undefined {
  let isWhole = true
  const escapes = /\\(?:u([\da-fA-F]{4})|U([\da-fA-F]{8})|(.))/gs
  const text = bytes.toString('latin1').replace(escapes, (whole, short?: string, long?: string, other?: string) => {
    const code = Number.parseInt(short ?? long ?? '', 16)
    if (code <= 0x10ffff) return String.fromCodePoint(code)
    if (other === undefined || other === 'u' || other === 'U') isWhole = false
    return whole
  })
  return isWhole ? text : undefined
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** A str of Python 2 as protocol 0 has it, quotes around it and escapes inside; undefined where it is not. */
export function decodeQuoted(line: Buffer): string | undefined {
  const quoted = /^(['"])(.*)\1$/s.exec(line.toString('latin1'))?.[2]
  return quoted?.replace(
    /\\(?:x([\da-f]{2})|([0-7]{1,3})|(.))/gis,
    (whole, hex?: string, octal?: string, other?: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
      return ESCAPES[other!] ?? whole
    },
  )
}

/** Bytes that are ASCII as text; undefined for others. */
export function decodeAscii(bytes: Buffer): string | undefined {
  return isAscii(bytes) ? bytes.toString('latin1') : undefined
}
