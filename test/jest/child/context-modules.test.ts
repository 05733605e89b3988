// Runs in: the test runner. The modules of a test's runtime, with a runtime that is none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ContextModules } from '#src/jest/child/context-modules.js'
import type { Environment, Runtime, RuntimeModule } from '#src/jest/child/jest-types.js'

interface Module extends RuntimeModule {
  children: Module[]
}

const MOCKING = [
  ...['setMock', 'setModuleMock', 'markExplicitCjsMock', 'unmockCjs', 'unmockEsm', 'deepUnmock'],
  ...['enableAutomock', 'disableAutomock', 'addOnGenerateMock'],
]
const A = '/app/node_modules/a/index.js'
const B = '/app/node_modules/b/index.js'
const C = '/app/node_modules/c/index.js'
const OWN = '/app/src/own.js'
const FROM = '/app/a.test.js'

/** Loads a module and what it requires; `run` is its code. */
class FakeRuntime implements Runtime {
  readonly registry = new Map<string, Module>()
  readonly registries = { getActiveCjsRegistry: () => this.registry }
  readonly mocked: string[] = []
  readonly mockState = Object.fromEntries(MOCKING.map((name) => [name, () => this.mocked.push(name)]))
  readonly environment = { global: { process: { env: { KEPT: '1' } } } } as unknown as Environment
  readonly #requires: Record<string, string[]>
  readonly #code: Record<string, (global: Record<string, unknown>) => void>
  readonly loads: string[] = []

  constructor(
    requires: Record<string, string[]>,
    code: Record<string, (global: Record<string, unknown>) => void> = {},
  ) {
    this.#requires = requires
    this.#code = code
  }

  requireInternalModule(): undefined {}

  requireModule(from: string, name: string): Module {
    const known = this.registry.get(name)
    const module = known ?? { filename: name, children: [] }
    this.registry.get(from)?.children.push(module)
    if (known) return known
    this.loads.push(name)
    this.registry.set(name, module)
    for (const other of this.#requires[name] ?? []) this.requireModule(name, other)
    this.#code[name]?.(this.environment.global as unknown as Record<string, unknown>)
    return module
  }
}

function load(runtime: FakeRuntime, ...modules: string[]): ContextModules {
  const contextModules = ContextModules.of(runtime)!
  contextModules.load(runtime.environment, FROM, modules)
  return contextModules
}

test('a runtime of another version is left alone', () => {
  const runtime = new FakeRuntime({})
  assert.ok(ContextModules.of(runtime))
  delete (runtime.mockState as Record<string, unknown>).setMock
  assert.equal(ContextModules.of(runtime), undefined)
  assert.equal(ContextModules.of({ requireModule: () => {}, requireInternalModule: () => {} }), undefined)
})

test('a module that is asked for is the one that was loaded', () => {
  const runtime = new FakeRuntime({ [A]: [B] })
  load(runtime, A).watch()
  runtime.requireModule(FROM, A)
  assert.deepEqual(runtime.loads, [A, B])
})

test('a module that throws is dropped, with what it has loaded; the others stay', () => {
  const throws = (): void => {
    throw new Error('no')
  }
  const runtime = new FakeRuntime({ [A]: [B] }, { [A]: throws })
  assert.deepEqual(load(runtime, C, A).struck, [A])
  assert.deepEqual([...runtime.registry.keys()], [C])
})

for (const name of ['afterEach', 'expect', 'jest'])
  test(`a module that looks for ${name} is dropped`, () => {
    const runtime = new FakeRuntime({}, { [A]: (global) => typeof global[name] })
    assert.deepEqual(load(runtime, A, B).struck, [A])
    assert.deepEqual([...runtime.registry.keys()], [B])
    assert.ok(!(name in runtime.environment.global), 'no tripwire stays')
  })

type Global = Record<string, unknown> & { process: { env: NodeJS.ProcessEnv } }

for (const [what, code] of [
  ['a variable', ({ process }) => (process.env.BY_A = '1')],
  ['a global', (global) => (global.byA = 1)],
] as [string, (global: Global) => unknown][])
  test(`a module that changes ${what} is dropped, and the context is spoilt`, () => {
    const runtime = new FakeRuntime({}, { [A]: (global) => void code(global as Global) })
    const modules = load(runtime, A, B)
    assert.deepEqual([modules.struck, modules.isSpoilt], [[A], true])
    assert.deepEqual([...runtime.registry.keys()], [B])
    assert.equal(load(new FakeRuntime({}), A, B).isSpoilt, false)
  })

for (const [what, code] of [
  ['a variable', ({ process }) => (process.env.KEPT = '2')],
  ['a global', (global) => (global.fetch = () => {})],
] as [string, (global: Global) => unknown][])
  test(`when the test file has changed ${what}, what nobody has used is loaded anew`, () => {
    const runtime = new FakeRuntime({ [A]: [B] })
    load(runtime, A, C).watch()
    const global = runtime.environment.global as unknown as Global
    Object.assign(global, { expect: 1 }) // the test framework does so before the first file of the user
    runtime.requireModule(FROM, OWN)
    runtime.requireModule(FROM, A)
    assert.deepEqual(runtime.loads, [A, B, C, OWN], 'nothing has changed')
    code(global)
    runtime.requireModule(FROM, B)
    runtime.requireModule(FROM, C)
    assert.deepEqual(runtime.loads, [A, B, C, OWN, C])
  })

test('a module that was loaded anew after resetModules() is in use', () => {
  const runtime = new FakeRuntime({})
  load(runtime, A).watch()
  runtime.registry.clear()
  const held = runtime.requireModule(FROM, A)
  runtime.mockState.setMock!()
  assert.equal(runtime.requireModule(FROM, A), held)
})

for (const name of MOCKING)
  test(`at ${name}(), what nobody has used is forgotten`, () => {
    const runtime = new FakeRuntime({ [A]: [B] })
    load(runtime, A, C).watch()
    runtime.requireModule(FROM, A)
    runtime.mockState[name]!()
    assert.deepEqual(runtime.mocked, [name])
    assert.deepEqual([...runtime.registry.keys()], [A, B], 'in use: the module, and what it has loaded')
    runtime.requireModule(FROM, C)
    assert.deepEqual(runtime.loads, [A, B, C, C])
  })

test('it notes which packages the project itself has loaded', () => {
  const runtime = new FakeRuntime({ [OWN]: [A], [A]: [B] })
  const modules = load(runtime, C)
  runtime.requireModule(FROM, OWN)
  assert.deepEqual(modules.entries, [])
  modules.note()
  assert.deepEqual(modules.entries, [A])
})
