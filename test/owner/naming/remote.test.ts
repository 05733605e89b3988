// Runs in: the test process. References name functions of modules, and nothing that looks like one passes for one.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { UsageError } from '#src/errors.js'
import { isReference, remote } from '#src/owner/naming/remote.js'

interface Jobs {
  render(page: string): Promise<string>
  default(): void
  readonly version: string
}

const jobsUrl = new URL('file:///app/jobs.js')

describe('remote()', () => {
  test('makes frozen references by name, the same for the same name', () => {
    const jobs = remote<Jobs>(jobsUrl)
    assert.deepStrictEqual({ ...jobs.render }, { module: 'file:///app/jobs.js', name: 'render' })
    assert.equal(jobs.render, jobs.render)
    assert.equal(jobs.default.name, 'default')
    assert.ok(Object.isFrozen(jobs.render))
    assert.equal(String(jobs.render), 'file:///app/jobs.js#render')
    assert.equal(jobs.module, 'file:///app/jobs.js')
  })

  test('can be awaited without harm, and shown', async () => {
    const jobs = remote<Jobs>(jobsUrl)
    assert.equal(await jobs, jobs)
    assert.equal((jobs as unknown as { then: unknown }).then, undefined)
    assert.equal((jobs as unknown as Record<symbol, unknown>)[Symbol.iterator], undefined)
    assert.match(inspect(jobs), /module: 'file:\/\/\/app\/jobs\.js'/)
    assert.equal(JSON.stringify(jobs), '{"module":"file:///app/jobs.js"}')
  })

  test('cannot be changed', () => {
    const jobs = remote<Jobs>(jobsUrl) as unknown as Record<string, unknown>
    assert.throws(() => {
      jobs.render = 1
    }, TypeError)
    assert.throws(() => {
      jobs.module = 'other'
    }, TypeError)
  })

  test('property: every name but the two reserved ones gives a reference', () => {
    const jobs = remote(jobsUrl) as unknown as Record<string, unknown>
    const names = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty', ''))
    fc.assert(
      fc.property(names, (name) => {
        fc.pre(name !== 'then' && name !== 'module')
        const reference = jobs[name]
        assert.ok(isReference(reference))
        assert.equal(reference.name, name)
      }),
    )
  })

  test('two calls make references of their own, alike in what they say', () => {
    assert.deepStrictEqual(remote<Jobs>(jobsUrl).render, remote<Jobs>(jobsUrl.href).render)
  })
})

describe('isReference()', () => {
  test('is true for references only', () => {
    const { render } = remote<Jobs>(jobsUrl)
    assert.equal(isReference(render), true)
    const alike: unknown[] = [{ ...render }, structuredClone(render), Object.create(render), new Proxy(render, {})]
    for (const value of [...alike, remote(jobsUrl), null, undefined, 'render', () => 1]) {
      assert.equal(isReference(value), false)
    }
  })

  test('a clone of a reference is plain', () => {
    assert.deepStrictEqual(structuredClone(remote<Jobs>(jobsUrl).render), {
      module: 'file:///app/jobs.js',
      name: 'render',
    })
  })
})

describe('the module', () => {
  const accepted: Array<[string | URL, string]> = [
    [jobsUrl, 'file:///app/jobs.js'],
    [new URL('file:///app/jobs.js?v=1#part'), 'file:///app/jobs.js?v=1#part'],
    ['file:///app/../jobs.js', 'file:///jobs.js'],
    ['FILE:///app/jobs.js', 'file:///app/jobs.js'],
    ['file://localhost/app/jobs.js', 'file:///app/jobs.js'],
    ['node:path', 'node:path'],
    [new URL('node:path'), 'node:path'],
    ['data:text/javascript,export default 1', 'data:text/javascript,export default 1'],
    ['typescript', 'typescript'],
    ['@scope/name/part.js', '@scope/name/part.js'],
    ['lodash.merge', 'lodash.merge'],
  ]
  for (const [module, expected] of accepted) {
    test(`takes ${String(module)}`, () => assert.equal(remote(module).module, expected))
  }

  test('takes an absolute path, whatever characters it has', () => {
    assert.equal(remote('/app/a b#c%20?.js').module, 'file:///app/a%20b%23c%2520%3F.js')
    assert.equal(remote('/app/jobs.js').module, pathToFileURL('/app/jobs.js').href)
  })

  const refused: Array<[unknown, RegExp]> = [
    ['./jobs.js', /^remote\(\): '\.\/jobs\.js' is relative.* Pass new URL\('\.\/jobs\.js', import\.meta\.url\)\.$/],
    ['../jobs.js', /Pass new URL\('\.\.\/jobs\.js', import\.meta\.url\)/],
    ['.', /is relative/],
    ['..', /is relative/],
    ['.hidden/jobs.js', /is relative/],
    ['#jobs', /is relative.* Pass import\.meta\.resolve\('#jobs'\)\.$/],
    ['file:./jobs.js', /is no absolute file URL/],
    ['file:jobs.js', /is no absolute file URL/],
    ['file://host/jobs.js', /names no file on this machine/],
    ['file:///app%2fjobs.js', /names no file on this machine/],
    ['file://[', /is not a valid URL/],
    ['https://example.com/jobs.js', /cannot be imported/],
    [new URL('https://example.com/jobs.js'), /cannot be imported/],
    ['', /a module is a URL or a string, not ''/],
    [undefined, /a module is a URL or a string, not undefined/],
    [{ href: 'file:///app/jobs.js' }, /a module is a URL or a string/],
  ]
  for (const [module, text] of refused) {
    test(`refuses ${inspect(module, { depth: 0 })}`, () => {
      assert.throws(
        () => remote(module as string),
        (error) => error instanceof UsageError && error.code === 'ERR_INVALID_ARGUMENT' && text.test(error.message),
      )
    })
  }
})
