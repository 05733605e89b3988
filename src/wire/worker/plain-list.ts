// Runs in: owner and child. A short way for short lists of plain values: JSON, if it says exactly what the structured
// clone says. Pure.
//
// V8's serializer is an object of C++ that takes two microseconds to make, use and drop, and its bytes are memory of
// their own that the garbage collector has to free. For a number, that is most of what a task costs.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { decodeValue } from '../values/clone.js'

/** V8 is quicker with longer lists and strings. */
const MAX_ITEMS = 8
const MAX_STRING = 200
/** What JSON begins with, and a structured clone does not. */
const JSON_MARK = 0x5b // [

/** A primitive as JSON, or undefined if JSON has no such value. */
function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? `${value}` : undefined
    case 'string':
      return value.length <= MAX_STRING ? JSON.stringify(value) : undefined
    case 'boolean':
      return `${value}`
    default:
      return value === null ? 'null' : undefined
  }
}

// Not by JSON.stringify(list): somebody may have given arrays a toJSON().
function listOf(items: readonly unknown[], write: (item: unknown) => string | undefined): string | undefined {
  if (items.length > MAX_ITEMS) return undefined
  let text = ''
  for (let index = 0; index < items.length; index++) {
    const item = write(items[index])
    if (item === undefined) return undefined
    text += index === 0 ? item : `,${item}`
  }
  return `[${text}]`
}

/**
 * A list as JSON.
 *
 * @param isNested whether its items are lists of arguments
 * @returns undefined if the list is not short, or holds anything but numbers, strings, booleans and null
 */
export function encodePlain(list: readonly unknown[], isNested = false): Buffer | undefined {
  const write = isNested ? (item: unknown) => (Array.isArray(item) ? listOf(item, textOf) : undefined) : textOf
  const text = listOf(list, write)
  return text === undefined ? undefined : Buffer.from(text)
}

/** Whether bytes are what encodePlain() wrote. */
export const isPlain = (bytes: Uint8Array): boolean => bytes[0] === JSON_MARK

/**
 * Reads what encodePlain() or encodeValue() wrote.
 *
 * @param blocks as for decodeValue()
 * @throws as decodeValue() does; SyntaxError for JSON that nobody wrote
 */
export function decodeList(bytes: Buffer, blocks?: readonly ArrayBuffer[]): unknown {
  return isPlain(bytes) ? JSON.parse(bytes.toString()) : decodeValue(bytes, blocks)
}
