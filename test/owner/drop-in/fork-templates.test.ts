// Runs in: the test runner. Which templates the place of child_process starts, and when it starts none. No process.
import assert from 'node:assert/strict'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { ForkTemplates, preloadOf } from '#src/owner/drop-in/fork-templates.js'
import type { ForkServer } from '#src/owner/server/fork-server.js'
import { TemplateRegistry } from '#src/registry/template-registry.js'

const MAX_TEMPLATES = 8

/** Templates that are ready at once, or never; and how many were started. */
function site({ fails = false } = {}): { templates: ForkTemplates; started: () => number } {
  let started = 0
  const start = async (): Promise<ForkServer> => {
    started++
    if (fails) throw new Error('no memory')
    return { startMethod: 'forkserver', report: { skipped: [] }, close: async () => {} } as unknown as ForkServer
  }
  return { templates: new ForkTemplates(() => new TemplateRegistry(process.cwd(), start)), started: () => started }
}

const wanted = (number: number): Parameters<ForkTemplates['use']>[0] => ({
  flags: [`--stack-trace-limit=${number}`],
  env: process.env,
  args: [],
  cwd: undefined,
})

describe('ForkTemplates', () => {
  test('starts a template at the second use of the same flags', async () => {
    const { templates, started } = site()
    assert.equal(templates.use(wanted(1)), undefined)
    assert.equal(templates.use(wanted(2)), undefined)
    assert.equal(started(), 0)
    assert.equal(templates.use(wanted(1)), undefined)
    assert.equal(await templates.ready(wanted(1)), undefined)
    assert.ok(templates.use(wanted(1))?.server)
    assert.equal(started(), 1)
    await templates.close()
  })

  test('starts a limited number of them, and says why there are no more', async () => {
    const { templates, started } = site()
    for (let number = 0; number < MAX_TEMPLATES; number++)
      assert.equal(await templates.ready(wanted(number)), undefined)
    assert.equal(await templates.ready(wanted(MAX_TEMPLATES)), `there are ${MAX_TEMPLATES} templates already`)
    for (let use = 0; use < 3; use++) assert.equal(templates.use(wanted(MAX_TEMPLATES)), undefined)
    assert.ok(templates.use(wanted(0))?.server)
    assert.equal(started(), MAX_TEMPLATES)
    await templates.close()
    assert.equal(await templates.ready(wanted(MAX_TEMPLATES)), undefined)
    await templates.close()
  })

  test('uses the server of the user for all processes with its flags, whatever they learn', async () => {
    const { templates, started } = site()
    templates.learns = true
    const server = { startMethod: 'forkserver' } as ForkServer
    templates.set(wanted(1), server)
    const others = [{}, { args: ['x'] }, { cwd: os.tmpdir() }, { env: { ...process.env, OWN: '1' } }]
    for (const other of others) assert.equal(templates.use({ ...wanted(1), ...other })?.server, server)
    assert.equal(await templates.ready(wanted(1)), undefined)
    assert.equal(templates.use(wanted(2)), undefined)
    assert.equal(started(), 0)
    await templates.close()
  })

  test('says why a template could not be started, and does not try for ever', async () => {
    const { templates, started } = site({ fails: true })
    for (let time = 0; time < 3; time++)
      assert.equal(await templates.ready(wanted(1)), 'no template could be started: no memory')
    assert.equal(started(), 1)
    await templates.close()
  })
})

describe('what processes load is learnt', () => {
  const learner = (): ForkTemplates => {
    const { templates } = site()
    templates.learns = true
    return templates
  }
  const learns = async (others: Partial<Parameters<ForkTemplates['use']>[0]>): Promise<boolean> => {
    const templates = learner()
    const process_ = { ...wanted(1), ...others }
    assert.equal(await templates.ready(process_), undefined)
    const found = templates.use(process_)!.learn !== undefined
    await templates.close()
    return found
  }

  test('if packages find in them what they find in the template', async () => {
    assert.equal(await learns({}), true)
    assert.equal(await learns({ cwd: process.cwd() }), true)
    assert.equal(await learns({ cwd: '.' }), true)
  })

  test('not if the script has arguments, or another working directory or environment', async () => {
    assert.equal(await learns({ args: ['--verbose'] }), false)
    assert.equal(await learns({ cwd: '/' }), false)
    assert.equal(await learns({ env: { ...process.env, API_URL: 'x' } }), false)
  })

  test('not with FORKSERVER_LEARN=off', async (t) => {
    process.env.FORKSERVER_LEARN = 'off'
    t.after(() => delete process.env.FORKSERVER_LEARN)
    assert.equal(await learns({}), false)
  })

  test('not if this process has changed its working directory since', async (t) => {
    const before = process.cwd()
    const templates = learner()
    t.after(() => process.chdir(before))
    process.chdir(os.tmpdir())
    await templates.ready(wanted(1))
    assert.equal(templates.use(wanted(1))!.learn, undefined)
    await templates.close()
  })
})

test('FORKSERVER=off: nothing is started, and ready() says so', async (t) => {
  process.env.FORKSERVER = 'off'
  t.after(() => delete process.env.FORKSERVER)
  const { templates, started } = site()
  assert.equal(await templates.ready(wanted(1)), 'FORKSERVER=off is set')
  assert.equal(started(), 0)
})

test('what is to be preloaded: packages by name, files from the folder', () => {
  const preload = preloadOf({ FORKSERVER_PRELOAD: 'lodash,,./open.mjs,../up.cjs,/abs.js' }, '/app/sub')
  assert.deepEqual(preload, ['lodash', '/app/sub/open.mjs', '/app/up.cjs', '/abs.js'])
  assert.deepEqual(preloadOf({}, path.parse(process.cwd()).root), [])
})

test('other flags for each process: only the last ones are counted', () => {
  const { templates, started } = site()
  templates.use(wanted(0))
  for (let number = 1; number <= 200; number++) templates.use(wanted(number))
  templates.use(wanted(0)) // as if for the first time
  assert.equal(started(), 0)
  templates.use(wanted(0))
  assert.equal(started(), 1)
})
