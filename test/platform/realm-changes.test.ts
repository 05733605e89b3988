// Runs in: the test runner. What a module changes for all others, in a realm of its own.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import vm from 'node:vm'
import { RealmChanges } from '#src/platform/realm-changes.js'

let realm: vm.Context
let changes: RealmChanges
const run = (code: string): unknown => vm.runInContext(code, realm)
const start = (): RealmChanges => new RealmChanges(run('globalThis') as typeof globalThis)

beforeEach(() => {
  realm = vm.createContext({ process: { env: { KEPT: '1', GONE: '1' } }, fetch() {} })
  changes = start()
})

test('nothing has changed at first', () => {
  assert.deepEqual(changes.take(), [])
})

for (const [code, names] of [
  ["process.env.NEW = '1'", ['process.env.NEW']],
  ["process.env.KEPT = '2'", ['process.env.KEPT']],
  ["process.env = { ...process.env, NEW: '1' }", ['process.env.NEW']],
  ['delete process.env.GONE', ['process.env.GONE']],
  ['globalThis.polyfill = 1', ['polyfill']],
  ['globalThis.fetch = () => {}', ['fetch']],
  ['globalThis.Promise = class extends Promise {}', ['Promise']],
  ['Array.prototype.last = () => 1', ['Array.prototype.last']],
  ['Reflect.defineMetadata = () => {}', ['Reflect.defineMetadata']],
  ["Object.defineProperty(Map.prototype, 'size', { get: () => 7 })", ['Map.prototype.size']],
  ['Date.now = () => 7', ['Date.now']],
  ['Error.prepareStackTrace = () => 7', ['Error.prepareStackTrace']],
  ['delete Object.groupBy; delete Array.prototype.at', ['Array.prototype.at', 'Object.groupBy']],
] as const)
  test(`seen, once: ${code}`, () => {
    if (code.includes('groupBy')) {
      run('Object.groupBy ??= () => {}') // Node 20 has none
      changes = start()
    }
    run(code)
    assert.deepEqual(changes.take().sort(), names)
    assert.deepEqual(changes.take(), [])
  })

for (const code of [
  'const own = 1; class Own extends Error {}; new Own()',
  "globalThis[Symbol.for('$$jest-matchers-object')] = {}",
  'globalThis.__coverage__ = {}',
  'globalThis.__registryOfOnePackage ??= {}',
  'const own = Error.prepareStackTrace; Error.prepareStackTrace = () => {}; Error.prepareStackTrace = own', // as depd
  'Date.now = Date.now',
])
  test(`no change: ${code}`, () => {
    run(code)
    assert.deepEqual(changes.take(), [])
  })

test('a global that a getter puts into its own place is no change, and another one is', () => {
  const global = run('globalThis') as object
  const lazy = (get: () => unknown): PropertyDescriptor => ({ configurable: true, get })
  const resolve = (name: string, value: unknown): unknown => Object.defineProperty(global, name, { value })
  for (const name of ['structuredClone', 'queueMicrotask'])
    Object.defineProperty(
      global,
      name,
      lazy(() => Reflect.get(globalThis, name)),
    )
  changes = start()
  resolve('structuredClone', structuredClone)
  resolve('queueMicrotask', () => {})
  assert.deepEqual(changes.take(), ['queueMicrotask'])
})

test('the realm of this process is not changed by looking at it', () => {
  const own = new RealmChanges(globalThis)
  void globalThis.CompressionStream
  assert.deepEqual(own.take(), [])
})

for (const wasRead of [false, true])
  test(`a global of Node that is replaced, which ${wasRead ? 'was' : 'was not'} read before, is a change`, (t) => {
    const name = wasRead ? 'TextDecoderStream' : 'DecompressionStream'
    const before = Reflect.getOwnPropertyDescriptor(globalThis, name)!
    t.after(() => Object.defineProperty(globalThis, name, before))
    const own = new RealmChanges(globalThis)
    if (wasRead) Reflect.get(globalThis, name)
    const other = class {}
    Reflect.set(globalThis, name, other)
    assert.deepEqual(own.take(), [name])
    assert.equal(Reflect.get(globalThis, name), other)
    assert.deepEqual(own.take(), [])
  })
