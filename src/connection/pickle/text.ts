// Runs in: owner and child. How pickles write text: UTF-8 with lone surrogates, and the escapes of protocol 0. Pure.
//
// A Python str may contain half a surrogate pair, as a JavaScript string may. Proper UTF-8 has no bytes for it. Python
// writes the three bytes that the rule would give (error handler 'surrogatepass'). Node would silently write and read
// U+FFFD instead.

import { isAscii, isUtf8 } from 'node:buffer'

// ED is the first byte of U+D000 to U+DFFF and never a later one. So wherever these bytes appear, they are a surrogate.
const LEAD = 0xed
const SURROGATE_BYTES = 3

/** Reads UTF-8 that may contain lone surrogates. Undefined if the bytes are something else. */
export function decodeUtf8(bytes: Buffer): string | undefined {
  if (isUtf8(bytes)) return bytes.toString()
  const parts: string[] = []
  let start = 0 // of the part that is not decoded yet
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

/** Whether a string has no lone surrogates. If so, Buffer writes it correctly. */
export function isWellFormed(text: string): boolean {
  // Node has this method since version 20. TypeScript declares it in a library that contains more than Node 20 has.
  return (text as string & { isWellFormed(): boolean }).isWellFormed()
}

/** Writes a string with lone surrogates as UTF-8, three bytes for each of them. */
export function encodeSurrogates(text: string): Buffer {
  const bytes = Buffer.allocUnsafe(text.length * SURROGATE_BYTES)
  let length = 0
  let start = 0 // of the part that is not written yet
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
 * Reads a line of text of protocol 0: one byte is one character, `\uXXXX` and `\UXXXXXXXX` are any character, and every
 * other backslash is itself (Python's codec raw-unicode-escape). Undefined if an escape is cut short or not a
 * character.
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

/** Reads a str of Python 2 as protocol 0 writes it, in quotes and with escapes. Undefined if it is something else. */
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

/** Reads ASCII bytes as text. Undefined for other bytes. */
export function decodeAscii(bytes: Buffer): string | undefined {
  return isAscii(bytes) ? bytes.toString('latin1') : undefined
}
