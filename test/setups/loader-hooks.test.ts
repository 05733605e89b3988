// Runs in: the test runner. Hooks of Node's module loader: those in the thread of the program are forked, those in a
// thread of their own are named. No child waits for a thread that it does not have.
import assert from 'node:assert/strict'
import module from 'node:module'
import { describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { inline, runOwner, warningsOf } from './owner.js'

watchLeaks()

/** Hooks that make modules of the scheme `hooked:`. */
const HOOKS = `
  export const resolve = (url, context, next) =>
    url.startsWith('hooked:') ? { url, format: 'module', shortCircuit: true } : next(url, context)
  export const load = (url, context, next) =>
    url.startsWith('hooked:')
      ? { format: 'module', source: 'export const value = "by a hook"', shortCircuit: true }
      : next(url, context)`
const inThread = inline(`import { register } from 'node:module'; register(${JSON.stringify(inline(HOOKS))})`)
const inMain = inline(`import { registerHooks } from 'node:module'; ${HOOKS}; registerHooks({ resolve, load })`)
const plan = { imports: 'hooked:module' }

describe('hooks in a thread (module.register())', () => {
  for (const [name, setup] of [
    ['--import of the owner', { flags: ['--import', inThread] }],
    ['NODE_OPTIONS', { env: { NODE_OPTIONS: `--import "${inThread}"` } }],
    ['--loader of the owner', { flags: ['--loader', inline(HOOKS)] }],
    ['--experimental-loader in NODE_OPTIONS', { env: { NODE_OPTIONS: `--experimental-loader="${inline(HOOKS)}"` } }],
  ] as const) {
    test(`brought by ${name}: processes are spawned and have the hooks, and a warning says why`, async () => {
      const told = await runOwner(plan, setup)
      assert.equal(told.startMethod, 'spawn', JSON.stringify(told))
      assert.match(told.spawnReason!, /hooks .*thread/)
      assert.equal(told.imported, 'by a hook')
      assert.equal(warningsOf(told, 'FORKSERVER_SPAWN').length, 1)
    })
  }

  test('brought by a preloaded module: the start is refused, and names them', async () => {
    const { error } = await runOwner({ options: { preload: [inThread] } })
    assert.equal(error?.code, 'ERR_UNFORKABLE')
    assert.match(error.findings[0]!.what, /loader hooks of module\.register\('data:.*run in a thread/)
  })
})

test('hooks in the thread of the program (module.registerHooks()) are forked', {
  skip: !('registerHooks' in module),
}, async () => {
  const told = await runOwner(plan, { flags: ['--import', inMain] })
  assert.deepEqual([told.startMethod, told.imported, told.warnings], ['forkserver', 'by a hook', []])
})

test("in a child, module.register() is Node's own", async () => {
  const { child, startMethod } = await runOwner({})
  assert.deepEqual([child?.hasOwnRegister, startMethod], [true, 'forkserver'])
})
