// Runs in: owner and child. The stack machine that a pickle is a program for: its stack, marks and memo, and what is counted. Pure.
//
// Nothing here calls itself, so no depth of nesting overflows the stack.

import { Builtin } from './builtins.js'
import type { Cursor } from './cursor.js'
import { Memo } from './memo.js'
import { Tuple } from './types.js'

/** How pickles are read. */
export interface ReadRules {
  /** Each type of Python gets a class of its own. */
  readonly exact: boolean
  /** How many values one pickle may push, mark and note; a list, tuple, dict, set or bytes counts for CONTAINER_WEIGHT of them. */
  readonly maxValues: number
}

/** A value takes a word or three, an empty set some 200 bytes. */
export const CONTAINER_WEIGHT = 4

/** The state of one reading. */
export class Machine {
  readonly cursor: Cursor
  readonly exact: boolean
  readonly #memo = new Memo()
  readonly #stack: unknown[] = []
  /** For each open mark, the height of the stack at that time. */
  readonly #marks: number[] = []
  #valuesLeft: number
  #copiesLeft: number
  /** Whether functions can be on the stack; if not, nobody needs to look for them. */
  #hasBuiltins = false

  /** Dicts in the order in which they were made, and those among them that turned out to need a Map. */
  readonly #dicts: object[] = []
  readonly #late = new Set<object>()
  /** Numbers of the dicts that need a Map, as a first reading found out. */
  readonly #maps: ReadonlySet<number>
  #dictCount = 0

  constructor(cursor: Cursor, rules: ReadRules, maps: ReadonlySet<number>) {
    this.cursor = cursor
    this.exact = rules.exact
    this.#valuesLeft = rules.maxValues
    this.#maps = maps
    // A text of Python 2 or of protocol 2 is copied twice on its way to a bytearray, a list once on its way to a set.
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

  /** Takes the top of the stack, down to the last mark. */
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

  /** Forgets the top of the stack, which may be a mark. */
  drop(): void {
    if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop()
    else {
      this.top()
      this.#stack.pop()
    }
  }

  /** Takes what lies above the last mark, and the mark. */
  popToMark(): unknown[] {
    const start = this.#marks.pop()
    if (start === undefined) throw this.cursor.broken('finds no mark on the stack')
    const items = this.#stack.splice(start)
    if (this.#hasBuiltins) for (const item of items) this.#value(item)
    return items
  }

  #value(value: unknown): unknown {
    // A function as a value would be a class or a function that was sent, which is no plain data.
    if (value instanceof Builtin) {
      throw this.cursor.refused(`takes ${value.name} for a value`, 'Only plain data is read, no classes and functions.')
    }
    return value
  }

  /** Whether nothing is left on the stack. */
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
    const number = typeof index === 'boolean' ? Number(index) : index // GET and PUT share the spelling of INT: 01 is 1
    if (number < 0) throw this.cursor.broken(`has the negative number ${number}`)
    return number
  }

  /** Pushes a list, tuple, dict, set or bytes. */
  pushContainer(value: unknown): void {
    this.#valuesLeft -= CONTAINER_WEIGHT - 1
    this.push(value)
  }

  #refuseMore(): never {
    const advice = 'The option maxValues of pickleCodec() says how many it may: send fewer at a time, or raise it.'
    throw this.cursor.refused('makes one value too many', advice)
  }

  /**
   * Counts what a call copies. A list or text is written once and may be mentioned often, so that a small pickle could ask for
   * copies without end; CPython writes each for one call.
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

  /** Pushes an empty dict: a Map where keys that are no strings are known to come, else an object. */
  pushDict(): void {
    const needsMap = this.exact || this.#maps.has(this.#dictCount++)
    const dict = needsMap ? new Map() : {}
    if (!this.exact) this.#dicts.push(dict)
    this.pushContainer(dict)
  }

  /** Gives an object a key that is no string: it should have been a Map, and the next reading will make it one. */
  setLate(dict: object): void {
    this.#late.add(dict)
  }

  /** The numbers of all dicts that need a Map; undefined where they all were made right. */
  get misjudged(): ReadonlySet<number> | undefined {
    if (this.#late.size === 0) return undefined
    return new Set(this.#dicts.flatMap((dict, index) => (this.#late.has(dict) ? [index] : [])))
  }
}
