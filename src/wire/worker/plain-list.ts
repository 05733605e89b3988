// Runs in: owner and child. A faster encoding for short lists of plain values: JSON, if it keeps
// exactly what the structured clone keeps. Pure.
//
// V8's serializer is a C++ object. It takes two microseconds to make, use and free, and its bytes are separate memory
// that the garbage collector has to free. For a task with a number, that is most of the time.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { decodeValue } from '../values/clone.js'

/** For longer lists and strings, V8's serializer can be faster. */
const MAX_ITEMS = 32
const MAX_STRING = 200
/** The first byte of JSON; a structured clone begins with another one. */
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

// Not by JSON.stringify(list), because a program may have given arrays a toJSON().
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

/** Whether encodePlain() wrote these bytes. */
export const isPlain = (bytes: Uint8Array): boolean => bytes[0] === JSON_MARK

/**
 * Reads what encodePlain() or encodeValue() wrote.
 *
 * @param blocks as for decodeValue()
 * @throws as decodeValue() does; SyntaxError if the JSON is not valid
 */
export function decodeList(bytes: Buffer, blocks?: readonly ArrayBuffer[]): unknown {
  return isPlain(bytes) ? JSON.parse(bytes.toString()) : decodeValue(bytes, blocks)
}
