// Runs in: owner and child. A pickle is a program for a stack machine. This is its state: stack, marks and memo, and
// the counts that are limited. Pure.
//
// Nothing here is recursive, so deep nesting cannot overflow the stack.

import { Builtin } from './builtins.js'
import type { Cursor } from './cursor.js'
import { Memo } from './memo.js'
import { Tuple } from './types.js'

/** Options for reading a pickle. */
export interface ReadRules {
  /** Whether each Python type becomes a class of its own. */
  readonly exact: boolean
  /**
   * How many values one pickle may push, mark and store. A list, tuple, dict, set or bytes counts as CONTAINER_WEIGHT
   * values.
   */
  readonly maxValues: number
}

/** A value takes one to three words of memory; an empty set takes about 200 bytes. */
export const CONTAINER_WEIGHT = 4

/** The state of the machine while it reads one pickle. */
export class Machine {
  readonly cursor: Cursor
  readonly exact: boolean
  readonly #memo = new Memo()
  readonly #stack: unknown[] = []
  /** For each open mark, the height of the stack when it was set. */
  readonly #marks: number[] = []
  #valuesLeft: number
  #copiesLeft: number
  /** Whether there can be functions on the stack. If not, the check for them is skipped. */
  #hasBuiltins = false

  /** All dicts in the order in which they were made, and those among them that turned out to need a Map. */
  readonly #dicts: object[] = []
  readonly #late = new Set<object>()
  /** The numbers of the dicts that need a Map, if a first pass has found that out. */
  readonly #maps: ReadonlySet<number>
  #dictCount = 0

  constructor(cursor: Cursor, rules: ReadRules, maps: ReadonlySet<number>) {
    this.cursor = cursor
    this.exact = rules.exact
    this.#valuesLeft = rules.maxValues
    this.#maps = maps
    // A text of Python 2 or of protocol 2 is copied twice before it is a bytearray. A list is copied once before it is
    // a set.
    this.#copiesLeft = 2 * cursor.left
  }

  push(value: unknown): void {
    if (--this.#valuesLeft < 0) this.#refuseMore()
    this.#stack.push(value)
  }

  pushBuiltin(builtin: Builtin): void {
    this.#hasBuiltins = true
    this.push(builtin)
  }

  /** Takes the top of the stack. Stops at the last mark. */
  pop(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.cursor.broken('finds nothing on the stack')
    const value = this.#stack.pop()
    return this.#hasBuiltins ? this.#value(value) : value
  }

  popBuiltin(): Builtin | undefined {
    const value = this.#stack.at(-1)
    if (!(value instanceof Builtin)) return undefined
    this.#stack.pop()
    return value
  }

  top(): unknown {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) throw this.cursor.broken('finds nothing on the stack')
    return this.#stack.at(-1)
  }

  mark(): void {
    if (--this.#valuesLeft < 0) this.#refuseMore()
    this.#marks.push(this.#stack.length)
  }

  /** Drops the top of the stack, which may be a mark. */
  drop(): void {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop()
    else {
      this.top()
      this.#stack.pop()
    }
  }

  /** Takes everything above the last mark, and the mark itself. */
  popToMark(): unknown[] {
    const start = this.#marks.pop()
    if (start === undefined) throw this.cursor.broken('finds no mark on the stack')
    const items = this.#stack.splice(start)
    if (this.#hasBuiltins) for (const item of items) this.#value(item)
    return items
  }

  #value(value: unknown): unknown {
    // If a function were used as a value, the sender would have sent a class or a function, which is not plain data.
    if (value instanceof Builtin) {
      throw this.cursor.refused(`uses ${value.name} as a value`, 'Send plain data only, without classes and functions.')
    }
    return value
  }

  /** Whether the stack is empty. */
  get isEmpty(): boolean {
    return this.#stack.length === 0 && this.#marks.length === 0
  }

  note(index: number | bigint | boolean = this.#memo.size): void {
    if (--this.#valuesLeft < 0) this.#refuseMore()
    this.#memo.set(this.#noteNumber(index), this.top())
  }

  recall(index: number | bigint | boolean): void {
    const number = this.#noteNumber(index)
    if (!this.#memo.has(number)) throw this.cursor.broken(`asks for note ${number}, which nobody made`)
    this.push(this.#memo.get(number))
  }

  #noteNumber(index: number | bigint | boolean): number | bigint {
    // GET and PUT write numbers as INT does, where 01 is True.
    const number = typeof index === 'boolean' ? Number(index) : index
    if (number < 0) throw this.cursor.broken(`has the negative number ${number}`)
    return number
  }

  /** Pushes a list, tuple, dict, set or bytes. */
  pushContainer(value: unknown): void {
    this.#valuesLeft -= CONTAINER_WEIGHT - 1
    this.push(value)
  }

  #refuseMore(): never {
    const advice = 'Send fewer at a time, or raise the option maxValues of pickleCodec().'
    throw this.cursor.refused('makes one value too many', advice)
  }

  /**
   * Counts the values that a call copies. A list or text is written once but may be referred to many times, so a small
   * pickle could ask for copies without end. CPython writes each of them for one call only.
   */
  countCopies(of: unknown): void {
    const size = Array.isArray(of) || typeof of === 'string' || of instanceof Uint8Array ? of.length : 0
    if ((this.#copiesLeft -= size) < 0) throw this.cursor.broken('copies more than the pickle holds')
  }

  pushTuple(items: unknown[]): void {
    if (!this.exact) {
      this.pushContainer(items)
      return
    }
    const tuple = new Tuple()
    for (const item of items) tuple.push(item)
    this.pushContainer(tuple)
  }

  /** Pushes an empty dict: a Map if the first pass found keys that are not strings, otherwise an object. */
  pushDict(): void {
    const needsMap = this.exact || this.#maps.has(this.#dictCount++)
    const dict = needsMap ? new Map() : {}
    if (!this.exact) this.#dicts.push(dict)
    this.pushContainer(dict)
  }

  /**
   * Handles a key that is not a string, for a dict that was made as an object. It needs a Map; the next pass will make
   * one.
   */
  setLate(dict: object): void {
    this.#late.add(dict)
  }

  /** The numbers of all dicts that need a Map. Undefined if all were made correctly. */
  get misjudged(): ReadonlySet<number> | undefined {
    if (this.#late.size === 0) return undefined
    return new Set(this.#dicts.flatMap((dict, index) => (this.#late.has(dict) ? [index] : [])))
  }
}
