// Runs in: owner and child. Reads a pickle that contains plain data. Pure: bytes in, a value out, no matter who sent
// them.
//
// A pickle is a program for a stack machine. In CPython it may import and call anything. Here a table says what each
// opcode does, and no entry of it calls what a pickle names. The reader does not check whether Python could have
// written the bytes: a dict as a key, or an item added to a tuple, is odd but harmless here.

import { ProtocolError } from '../../errors.js'
import { firstLine } from '../../wire/values/clone-refusal.js'
import { findBuiltin } from './builtins.js'
import { Cursor, READ_ARGUMENT } from './cursor.js'
import { Machine, type ReadRules } from './machine.js'
import {
  type ArgumentOf,
  MAX_READ_PROTOCOL,
  type OpcodeName,
  type OpcodeRow,
  PICKLE_OPCODES,
  type ReadOpcodeName,
} from './opcodes.js'
import { ByteArray, Float, FrozenSet } from './types.js'

export type { ReadRules } from './machine.js'

type Actions = { readonly [N in ReadOpcodeName]: (machine: Machine, argument: ArgumentOf<N>) => void }

const push = (machine: Machine, value: unknown): void => machine.push(value)
const pushFloat = (machine: Machine, value: number): void => machine.push(machine.exact ? new Float(value) : value)
const note = (machine: Machine, index: number | bigint | boolean): void => machine.note(index)
const recall = (machine: Machine, index: number | bigint | boolean): void => machine.recall(index)
const pushContainer = (machine: Machine, value: unknown): void => machine.pushContainer(value)

const ACTIONS: Actions = {
  PROTO: ({ cursor }, version) => {
    if (version > MAX_READ_PROTOCOL) {
      throw cursor.refused(
        `says protocol ${version}`,
        `Protocols 0 to ${MAX_READ_PROTOCOL} can be read: use dumps(value, 4) in Python.`,
      )
    }
  },
  // A frame only says how much may be read from a file at once, so it is ignored.
  FRAME: ({ cursor }, length) => {
    if (length > cursor.left) throw cursor.broken(`announces ${length} bytes, and ${cursor.left} are left`)
  },
  STOP: () => {},

  MARK: (machine) => machine.mark(),
  POP: (machine) => machine.drop(),
  POP_MARK: (machine) => void machine.popToMark(),
  DUP: (machine) => machine.push(machine.top()),
  PUT: note,
  BINPUT: note,
  LONG_BINPUT: note,
  MEMOIZE: (machine) => machine.note(),
  GET: recall,
  BINGET: recall,
  LONG_BINGET: recall,

  NONE: (machine) => machine.push(null),
  NEWTRUE: (machine) => machine.push(true),
  NEWFALSE: (machine) => machine.push(false),
  INT: push,
  LONG: push,
  BININT: push,
  BININT1: push,
  BININT2: push,
  LONG1: push,
  LONG4: push,
  FLOAT: pushFloat,
  BINFLOAT: pushFloat,

  UNICODE: push,
  SHORT_BINUNICODE: push,
  BINUNICODE: push,
  BINUNICODE8: push,
  STRING: push,
  SHORT_BINSTRING: push,
  BINSTRING: push,
  SHORT_BINBYTES: pushContainer,
  BINBYTES: pushContainer,
  BINBYTES8: pushContainer,
  BYTEARRAY8: (machine, bytes) => machine.pushContainer(machine.exact ? new ByteArray(bytes) : bytes),

  EMPTY_LIST: (machine) => machine.pushContainer([]),
  LIST: (machine) => machine.pushContainer(machine.popToMark()),
  APPEND: (machine) => {
    const item = machine.pop()
    listBelow(machine).push(item)
  },
  APPENDS: (machine) => {
    const items = machine.popToMark()
    const list = listBelow(machine)
    for (const item of items) list.push(item) // not push(...items), because that many arguments overflow the stack
  },
  EMPTY_TUPLE: (machine) => machine.pushTuple([]),
  TUPLE: (machine) => machine.pushTuple(machine.popToMark()),
  TUPLE1: (machine) => machine.pushTuple([machine.pop()]),
  TUPLE2: (machine) => pushTuple(machine, 2),
  TUPLE3: (machine) => pushTuple(machine, 3),

  EMPTY_DICT: (machine) => machine.pushDict(),
  DICT: (machine) => {
    const items = machine.popToMark()
    machine.pushDict()
    setItems(machine, items)
  },
  SETITEM: (machine) => {
    const value = machine.pop()
    setItems(machine, [machine.pop(), value])
  },
  SETITEMS: (machine) => setItems(machine, machine.popToMark()),
  EMPTY_SET: (machine) => machine.pushContainer(new Set()),
  ADDITEMS: (machine) => {
    const items = machine.popToMark()
    const set = machine.top()
    if (!(set instanceof Set)) throw machine.cursor.broken('finds no set on the stack')
    for (const item of items) set.add(item)
  },
  FROZENSET: (machine) => {
    const items = machine.popToMark()
    machine.pushContainer(new (machine.exact ? FrozenSet : Set)(items))
  },

  GLOBAL: pushBuiltin,
  STACK_GLOBAL: (machine) => {
    const name = machine.pop()
    const module = machine.pop()
    if (typeof name !== 'string' || typeof module !== 'string')
      throw machine.cursor.broken('finds no two names on the stack')
    pushBuiltin(machine, `${module}.${name}`)
  },
  REDUCE: (machine) => {
    const args = machine.pop()
    const builtin = machine.popBuiltin()
    if (!Array.isArray(args) || builtin === undefined)
      throw machine.cursor.broken('finds no function and arguments on the stack')
    machine.countCopies(args[0])
    const value = builtin.call(args, machine.exact)
    if (value === undefined) {
      throw machine.cursor.refused(`calls ${builtin.name} with arguments that plain data does not need`, PLAIN_DATA)
    }
    machine.pushContainer(value)
  },
}

const PLAIN_DATA =
  'Nothing was run. Send plain data only: None, bool, int, float, ' +
  'str, bytes, bytearray, list, tuple, dict, set, frozenset.'

function pushBuiltin(machine: Machine, name: string): void {
  const builtin = findBuiltin(name)
  if (builtin === undefined) throw machine.cursor.refused(`asks for the class or function ${shorten(name)}`, PLAIN_DATA)
  machine.pushBuiltin(builtin)
}

function shorten(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}...` : name)
}

function listBelow(machine: Machine): unknown[] {
  const list = machine.top()
  if (!Array.isArray(list)) throw machine.cursor.broken('finds no list on the stack')
  return list
}

function pushTuple(machine: Machine, length: number): void {
  const items = new Array<unknown>(length)
  for (let index = length - 1; index >= 0; index--) items[index] = machine.pop()
  machine.pushTuple(items)
}

/** Puts keys and values, which alternate, into the dict on top of the stack. */
function setItems(machine: Machine, items: readonly unknown[]): void {
  const dict = machine.top()
  if (items.length % 2 !== 0) throw machine.cursor.broken('finds a key without a value')
  if (dict instanceof Map) {
    for (let index = 0; index < items.length; index += 2) dict.set(items[index], items[index + 1])
  } else if (isDictObject(dict)) {
    for (let index = 0; index < items.length; index += 2) {
      const key = items[index]
      if (typeof key === 'string') setProperty(dict, key, items[index + 1])
      else machine.setLate(dict)
    }
  } else throw machine.cursor.broken('finds no dict on the stack')
}

function isDictObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function setProperty(object: Record<string, unknown>, key: string, value: unknown): void {
  // Plain assignment to '__proto__' would change the prototype, and to a name of a frozen prototype it would throw.
  if (key in Object.prototype) {
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  } else object[key] = value
}

type Step = (machine: Machine) => void

/** For each code: its name, and a function that reads the argument and carries the opcode out. */
const STEPS: ReadonlyArray<{ readonly name: OpcodeName; readonly run: Step } | undefined> = (() => {
  const steps: Array<{ name: OpcodeName; run: Step } | undefined> = new Array(256).fill(undefined)
  for (const [name, [code, , argument, refused]] of Object.entries(PICKLE_OPCODES) as Array<[OpcodeName, OpcodeRow]>) {
    const read: (cursor: Cursor) => unknown = READ_ARGUMENT[argument]
    const act = (ACTIONS as Partial<Record<OpcodeName, (machine: Machine, argument: never) => void>>)[name]
    const run: Step =
      act === undefined
        ? ({ cursor }) => refuse(cursor, refused ?? name, read(cursor))
        : (machine) => act(machine, read(machine.cursor) as never)
    steps[code] = { name, run }
  }
  return steps
})()

function refuse(cursor: Cursor, what: string, argument: unknown): never {
  const which = argument === undefined ? '' : ` ${shorten(String(argument))}`
  throw cursor.refused(`asks for ${what}${which}`, PLAIN_DATA)
}

function runOnce(bytes: Uint8Array, rules: ReadRules, maps: ReadonlySet<number>): { machine: Machine; value: unknown } {
  const cursor = new Cursor(bytes)
  const machine = new Machine(cursor, rules, maps)
  try {
    runToStop(machine)
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause
    // V8 throws this if a container becomes too large: a Map or a Set holds at most 2 ** 24 entries.
    throw cursor.refused('makes something too large', firstLine(cause))
  }
  const value = machine.pop()
  if (!machine.isEmpty) throw cursor.broken('leaves more than one value')
  if (cursor.left > 0) throw cursor.broken(`is followed by ${cursor.left} more bytes`)
  return { machine, value }
}

function runToStop(machine: Machine): void {
  const { cursor } = machine
  for (;;) {
    const code = cursor.nextCode()
    const step = STEPS[code]
    if (step === undefined) throw cursor.broken(`0x${code.toString(16)} is none`)
    cursor.opcode = step.name
    step.run(machine)
    if (step.name === 'STOP') return
  }
}

/**
 * Reads a pickle of protocol 0 to 5.
 *
 * @param bytes exactly one pickle; nothing in the result shares memory with it
 * @throws ProtocolError ERR_PROTOCOL if the bytes are not a pickle; the message says at which position
 * @throws ProtocolError ERR_PICKLE_REFUSED if it asks for more than plain data, or exceeds a limit
 */
export function readPickle(bytes: Uint8Array, rules: ReadRules): unknown {
  // Whether a dict becomes an object or a Map depends on its keys. They come after the dict was stored in the memo and
  // perhaps referred to, so the answer is certain only at the end. If a Map is needed, the pickle is read a second
  // time, and this time each dict is made correctly at once.
  const { machine, value } = runOnce(bytes, rules, new Set())
  const maps = machine.misjudged
  return maps === undefined ? value : runOnce(bytes, rules, maps).value
}
