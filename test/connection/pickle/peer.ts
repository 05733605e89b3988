// Runs in: the test runner, and scripts/pickle-vectors.mjs. Asks a Python to pickle and unpickle values, and says what
// it must find.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { types } from 'node:util'
import { ByteArray, Float, FrozenSet, Tuple } from '#src/connection/pickle/pickle.js'
import type { Python } from '../../support/pythons.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const SCRIPT = path.join(ROOT, 'test', 'connection', 'pickle', 'peer.py')
const PATIENCE_MS = 120_000

interface Answers {
  /** For each expression its pickles, or null where this Python cannot evaluate it. */
  dump: Array<Array<[protocol: number, hex: string]> | null>
  /** For each pickle its description, and the same value pickled again, or null where it is too deep for that. */
  load: Array<[description: string, hexes: string[] | null]>
  describe: string[]
  /** For each pickle its description, or null where Python refuses it, too. */
  judge: Array<string | null>
  opcodes: Array<[name: string, code: number, protocol: number, argument: string | null]>
}

/** Asks one question of a fresh Python. */
export function ask<Q extends keyof Answers>(python: Python, question: Q, items: readonly string[] = []): Answers[Q] {
  const { status, stdout, stderr, error } = spawnSync(python.command, [SCRIPT], {
    input: JSON.stringify([question, items]),
    encoding: 'utf8',
    timeout: PATIENCE_MS,
    maxBuffer: 2 ** 29,
    // The order of a set of texts differs from run to run otherwise, and with it the vectors.
    env: { ...process.env, PYTHONHASHSEED: '0' },
  })
  if (status !== 0) throw new Error(`Python ${python.version} failed: ${stderr.slice(-2000)}`, { cause: error })
  return JSON.parse(stdout) as Answers[Q]
}

/** The description that pickle-peer.py gives of what a value is in Python. */
export function describe(value: unknown, isKey = false, seen = new Map<object, number>()): string {
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'string') return `str:${Buffer.from(value, 'utf16le').swap16().toString('hex')}`
  if (typeof value === 'bigint') return describeInt(value)
  if (typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0))
    return describeInt(BigInt(value))
  if (typeof value === 'number' || value instanceof Float) return `float:${bitsOf(Number(value))}`
  if (typeof value !== 'object') throw new TypeError(typeof value)
  const list = (name: string, items: Iterable<unknown>, isKey: boolean): string =>
    `${name}(${Array.from(items, (item) => describe(item, isKey, seen)).join(',')})`
  const sorted = (name: string, items: Iterable<unknown>): string =>
    `${name}(${Array.from(items, (item) => describe(item, true, seen))
      .sort()
      .join(',')})`
  if (types.isUint8Array(value) && !(value instanceof ByteArray)) return `bytes:${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value) && (isKey || value instanceof Tuple)) return list('tuple', value, isKey)
  if (types.isSet(value) && (isKey || value instanceof FrozenSet)) return sorted('frozenset', value)
  const number = seen.get(value)
  if (number !== undefined) return `#${number}`
  seen.set(value, seen.size)
  if (value instanceof ByteArray) return `bytearray:${Buffer.from(value).toString('hex')}`
  if (Array.isArray(value)) return list('list', value, false)
  if (types.isSet(value)) return sorted('set', value)
  const entries = types.isMap(value) ? [...value.entries()] : Object.entries(value)
  const parts = entries.map(([key, item]) => `${describe(key, true, seen)}=${describe(item, false, seen)}`)
  return `dict(${parts.join(',')})`
}

/**
 * Whether a set or dict in it has items or keys of which Python keeps only one: equal tuples, frozensets and bytes, or
 * `1`, `1.0` and `True`. Here they are different objects or values, so a Set or Map keeps both. The other way round,
 * Python keeps two NaNs, and a Set or Map keeps one.
 */
export function hasKeysThatPythonMerges(value: unknown, seen = new Set<unknown>()): boolean {
  if (typeof value !== 'object' || value === null || types.isUint8Array(value) || seen.has(value)) return false
  seen.add(value)
  const keys = types.isMap(value) || types.isSet(value) ? [...value.keys()] : []
  const inPython = keys.map(describeEquality)
  if (inPython.some((key) => key.includes('nan')) || new Set(inPython).size < inPython.length) return true
  const parts = types.isSet(value) ? keys : types.isMap(value) ? [...keys, ...value.values()] : Object.values(value)
  return parts.some((part) => hasKeysThatPythonMerges(part, seen))
}

/** The same text for keys that are equal in Python. */
function describeEquality(key: unknown): string {
  if (Array.isArray(key)) return `tuple(${key.map(describeEquality).join(',')})`
  if (types.isSet(key)) return `frozenset(${[...new Set(Array.from(key, describeEquality))].sort().join(',')})`
  const isNumber = typeof key === 'boolean' || typeof key === 'number' || key instanceof Float
  return isNumber && Number.isInteger(Number(key)) ? describeInt(BigInt(Number(key))) : describe(key, true)
}

function describeInt(value: bigint): string {
  return `int:${value.toString(16)}`
}

function bitsOf(value: number): string {
  if (Number.isNaN(value)) return 'nan' // of which there is one here, and of whose bits V8 promises nothing
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}
