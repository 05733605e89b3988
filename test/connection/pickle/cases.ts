// Runs in: the test runner, and scripts/pickle-vectors.mjs. Python expressions, each with the value that must arrive.
//
// Every Python found evaluates each expression and pickles it in every protocol that it has. vectors.jsonl keeps the
// bytes. Expressions that Python 2 evaluates to something else are left out there.

import { ByteArray, Float, FrozenSet, Tuple } from '#src/connection/pickle/pickle.js'

export interface Case {
  readonly python: string
  readonly value: unknown
  /** With the option exact. */
  readonly exact: unknown
}

const same = (python: string, value: unknown): Case => ({ python, value, exact: value })
const both = (python: string, value: unknown, exact: unknown): Case => ({ python, value, exact })
const bytes = (...values: number[]): Uint8Array => new Uint8Array(values)
const map = (...entries: Array<[unknown, unknown]>): Map<unknown, unknown> => new Map(entries)
const float = (value: number): Float => new Float(value)
const range = (length: number): number[] => Array.from({ length }, (_, index) => index)

function made<T>(value: T, change: (value: T) => void): T {
  change(value)
  return value
}

const ints = [0, 1, 127, 128, 255, 256, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 47 - 1, 2 ** 47, 2 ** 53 - 1]
const bigInts = [2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n, 2n ** 127n, 10n ** 40n, 2n ** 2039n, 2n ** 2040n]
const texts: ReadonlyArray<[python: string, value: string]> = [
  ["u''", ''],
  ["u'text'", 'text'],
  ["u'a\\\\b\\n\\r\\t\\x00\\x1a\\x7f'", 'a\\b\n\r\t\0\x1a\x7f'],
  ["u'\\\\u0041 \\\\x'", '\\u0041 \\x'],
  ["u'\\xe4\\xff\\u0100\\u20ac\\ufeff\\ufffd'", '\xe4\xff\u0100\u20ac\ufeff\ufffd'],
  ["u'\\U0001f600'", '\u{1f600}'],
  ["u'\\ud800'", '\ud800'],
  ["u'a\\udfff\\ud800b'", 'a\udfff\ud800b'],
  ["u'x' * 255", 'x'.repeat(255)],
  ["u'x' * 256", 'x'.repeat(256)],
]

/** What every Python is asked to pickle. */
export const CASES: readonly Case[] = [
  same('None', null),
  same('True', true),
  same('False', false),
  ...ints.flatMap((int) => [same(`${int}`, int), ...(int === 0 ? [] : [same(`-${int}`, -int)])]),
  ...bigInts.flatMap((int) => [same(`${int}`, int), same(`-${int}`, -int), same(`-${int} - 1`, -int - 1n)]),
  ...[0, 1, 1.5, -2.25, 1e300, 5e-324, 2 ** 53].map((value) =>
    both(Number.isInteger(value) && value < 1e17 ? `${value}.0` : `${value}`, value, float(value)),
  ),
  both('-0.0', -0, float(-0)),
  both("float('inf')", Number.POSITIVE_INFINITY, float(Number.POSITIVE_INFINITY)),
  both("-float('inf')", Number.NEGATIVE_INFINITY, float(Number.NEGATIVE_INFINITY)),
  both("float('nan')", Number.NaN, float(Number.NaN)),
  ...texts.map(([python, value]) => same(python, value)),
  same("b''", bytes()),
  same("b'ab'", bytes(97, 98)),
  same('bytes(range(256))', bytes(...range(256))),
  same("b'\\x00\\n\\xff'", bytes(0, 10, 255)),
  both('bytearray()', bytes(), new ByteArray()),
  both("bytearray(b'ab')", bytes(97, 98), new ByteArray([97, 98])),
  both('bytearray(range(256))', bytes(...range(256)), new ByteArray(range(256))),
  same('[]', []),
  same('[1, 2]', [1, 2]),
  same('[[], [None]]', [[], [null]]),
  same('list(range(1100))', range(1100)),
  both('()', [], Tuple.of()),
  both('(1,)', [1], Tuple.of(1)),
  both('(1, 2)', [1, 2], Tuple.of(1, 2)),
  both('(1, 2, 3)', [1, 2, 3], Tuple.of(1, 2, 3)),
  both('(1, 2, 3, 4)', [1, 2, 3, 4], Tuple.of(1, 2, 3, 4)),
  both('((), ((1,),))', [[], [[1]]], Tuple.of(Tuple.of(), Tuple.of(Tuple.of(1)))),
  both('{}', {}, map()),
  both("{u'a': [1, 2]}", { a: [1, 2] }, map(['a', [1, 2]])),
  both("{u'a': {1: {}}}", { a: map([1, {}]) }, map(['a', map([1, map()])])),
  both(
    "{u'__proto__': {u'polluted': 1}, u'constructor': 2}",
    JSON.parse('{"__proto__": {"polluted": 1}, "constructor": 2}'),
    map(['__proto__', map(['polluted', 1])], ['constructor', 2]),
  ),
  same('{1: u"a"}', map([1, 'a'])),
  same('{None: 1}', map([null, 1])),
  both('{(1, 2): 3}', map([[1, 2], 3]), map([Tuple.of(1, 2), 3])),
  both("{u'a': 1, 2: {u'b': 3}}", map(['a', 1], [2, { b: 3 }]), map(['a', 1], [2, map(['b', 3])])),
  both('{1.5: True}', map([1.5, true]), map([float(1.5), true])),
  same('dict((i, None) for i in range(1100))', new Map(range(1100).map((index) => [index, null]))),
  same('set()', new Set()),
  same('set([1])', new Set([1])),
  both('set([(1,)])', new Set([[1]]), new Set([Tuple.of(1)])),
  both('set([frozenset([1])])', new Set([new Set([1])]), new Set([new FrozenSet([1])])),
  both('frozenset()', new Set(), new FrozenSet()),
  both('frozenset([1])', new Set([1]), new FrozenSet([1])),
  same('(lambda a: [a, a])([1])', sharedTwice([1])),
  same(
    '(lambda l: (l.append(l), l)[1])([])',
    made<unknown[]>([], (list) => list.push(list)),
  ),
  both(
    '(lambda d: (d.update({u"d": d}), d)[1])({})',
    made<Record<string, unknown>>({}, (dict) => Object.assign(dict, { d: dict })),
    made(map(), (dict) => dict.set('d', dict)),
  ),
  // The dict is mentioned, by itself, before its first key that is no string is known.
  same(
    '(lambda d: (d.update([(u"d", d)]), d.update([(1, [d])]), d)[2])({})',
    made(map(), (dict) => dict.set('d', dict).set(1, [dict])),
  ),
  both(
    '(lambda l: (l.append((l, 1)), l)[1])([])',
    made<unknown[]>([], (list) => list.push([list, 1])),
    made<unknown[]>([], (list) => list.push(Tuple.of<unknown>(list, 1))),
  ),
  both(
    '(lambda l: (l.append((l, 1)), l[0])[1])([])',
    made<unknown[]>([], (list) => list.push([list, 1]))[0],
    made<unknown[]>([], (list) => list.push(Tuple.of<unknown>(list, 1)))[0],
  ),
  both(
    '(lambda l: (l.append((l, 1, 2, 3)), l[0])[1])([])',
    made<unknown[]>([], (list) => list.push([list, 1, 2, 3]))[0],
    made<unknown[]>([], (list) => list.push(Tuple.of<unknown>(list, 1, 2, 3)))[0],
  ),
]

function sharedTwice(value: unknown): unknown[] {
  return [value, value]
}

/** What Python pickles and we refuse, with what the message must name. */
export const REFUSED: ReadonlyArray<readonly [python: string, named: RegExp]> = [
  ['__import__("os").system', /"(posix|nt)\.system"/],
  ['set', /builtins\.set as a value/],
  ['[bytearray]', /builtins\.bytearray as a value/],
  ['{u"k": frozenset}', /builtins\.frozenset as a value/],
  ['complex(1, 2)', /"(__builtin__|builtins)\.complex"/],
  ['range', /"(__builtin__|builtins)\.(x?range)"/],
  ['Ellipsis', /"(__builtin__|builtins)\.Ellipsis"/],
  ['ValueError(u"x")', /"(exceptions|builtins)\.ValueError"/],
  ['__import__("datetime").date(2020, 1, 1)', /"datetime\.date"/],
  ['__import__("collections").OrderedDict([(u"a", 1)])', /"collections\.OrderedDict"/],
  ['__import__("collections").defaultdict(int)', /"collections\.defaultdict"/],
  ['__import__("decimal").Decimal(1)', /"decimal\.Decimal"/],
]
