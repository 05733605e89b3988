// Runs in: the test runner. A preload or a warm-up that fails: start() rejects with the module's own error, and nothing
// is left.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, type StartOptions, TemplateError } from 'forkserver'
import { remote } from '#src/owner/naming/remote.js'
import { descendants, isAlive, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const failing = remote<typeof import('../fixtures/faults/failing.js')>(
  new URL('../fixtures/faults/failing.js', import.meta.url),
)

async function failureOf(options: StartOptions): Promise<TemplateError> {
  const error = await ForkServer.start(options).then(
    async (server) => {
      await server.close()
      assert.fail('it started')
    },
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof TemplateError, String(error))
  return error
}

const failBy = (way: string, options: StartOptions = {}): Promise<TemplateError> =>
  failureOf({ preload: [failing.module], env: { ...process.env, TEST_FAIL: way }, ...options })

function checkOwnError(error: TemplateError): void {
  assert.equal(error.code, 'ERR_PRELOAD_FAILED')
  const cause = error.cause as RangeError & { code: string; page: number }
  assert.ok(cause instanceof RangeError, 'the class that is built in is kept')
  assert.equal(cause.message, 'the preload is broken')
  assert.equal(cause.code, 'E_PAGE')
  assert.equal(cause.page, 7)
  assert.match(cause.stack ?? '', /failInHere.*failing\.js:\d+/, 'the stack is that of the module')
  assert.match(error.message, /the preload is broken/)
}

describe('a preload that fails', () => {
  for (const way of ['throws', 'rejects']) {
    test(`${way}: its own error, with its stack, is the cause`, async () => {
      const error = await failBy(way)
      checkOwnError(error)
      assert.ok(error.message.includes('failing.js'), 'the message names the module')
    })
  }

  for (const way of ['throws later', 'rejects unheard']) {
    test(`${way}: its own error is the cause, too`, async () => {
      const error = await failBy(way)
      assert.equal(error.code, 'ERR_PRELOAD_FAILED', error.message)
      assert.ok(error.cause instanceof RangeError)
    })
  }

  test('throws something that is no error', async () => {
    const error = await failBy('throws no error')
    assert.equal(error.code, 'ERR_PRELOAD_FAILED')
    assert.equal(error.cause, 'a bare string')
    assert.match(error.message, /a bare string/)
  })

  for (const mebibytes of [1, 70]) {
    test(`throws ${mebibytes} MiB: the message quotes a part of it`, async () => {
      const error = await failBy('throws much', {
        env: { ...process.env, TEST_FAIL: 'throws much', TEST_MIB: `${mebibytes}` },
      })
      assert.equal(error.code, 'ERR_PRELOAD_FAILED')
      assert.match(error.message, /failing\.js.*xxx/)
      assert.ok(error.message.length < 2_000, String(error.message.length))
    })
  }

  test('throws an error that is too large to be read', async () => {
    const error = await failBy('throws much', { env: { ...process.env, TEST_FAIL: 'throws much', TEST_MIB: '600' } })
    assert.match(error.code, /^ERR_(PRELOAD_FAILED|TEMPLATE_START)$/)
  })

  test('has a syntax error', async () => {
    const error = await failureOf({ preload: ['data:text/javascript,const = 1'] })
    assert.equal(error.code, 'ERR_PRELOAD_FAILED')
    assert.ok(error.cause instanceof SyntaxError)
  })

  test('is a file that does not exist', async () => {
    const error = await failureOf({ preload: [new URL('./no-such-module.js', import.meta.url)] })
    assert.equal(error.code, 'ERR_PRELOAD_FAILED')
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ERR_MODULE_NOT_FOUND')
    assert.match(error.message, /no-such-module\.js.*If this program is bundled, .*docs\/SETUPS\.md/)
  })

  test('is a package that does not exist', async () => {
    const error = await failureOf({ preload: ['no-such-package-anywhere'] })
    assert.equal(error.code, 'ERR_PRELOAD_FAILED')
    assert.equal((error.cause as NodeJS.ErrnoException).code, 'ERR_MODULE_NOT_FOUND')
    assert.match(error.message, /no-such-package-anywhere/)
  })
})

describe('a template that ends before it is ready', () => {
  for (const [way, fate] of [
    ['exits', /exit code 3/],
    ['exits with 0', /exit code 0/],
    ['is killed', /SIGKILL/],
  ] as const) {
    test(`because the preload ${way}`, async () => {
      const error = await failBy(way)
      assert.equal(error.code, 'ERR_TEMPLATE_START')
      assert.match(error.message, fate)
    })
  }

  test('because it is given an environment that no process can have', async () => {
    const error = await ForkServer.start({ env: { TOO_LONG: 'x'.repeat(8 * 1024 * 1024) } }).then(
      () => assert.fail('it started'),
      (reason: Error & { code: string }) => reason,
    )
    assert.match(error.code, /^ERR_(TEMPLATE_START|RESOURCE)$/, String(error))
  })
})

describe('a preload that never comes to an end', () => {
  test('because it awaits what never settles', async () => {
    const error = await failBy('never settles')
    assert.match(error.message, /failing\.js/)
    assert.match(error.message, /never/)
  })

  for (const way of ['loops', 'never settles, busy']) {
    test(`(${way}) is ended by an AbortSignal`, async () => {
      const before = new Set(descendants())
      const templates = (): string[] => descendants().filter((line) => !before.has(line))
      const controller = new AbortController()
      const start = ForkServer.start({
        preload: [failing.module],
        env: { ...process.env, TEST_FAIL: way },
        signal: controller.signal,
      })
      await until(() => templates().length > 0)
      controller.abort(new Error('long enough'))
      await assert.rejects(start, (error: Error) => {
        assert.equal(error.name, 'AbortError')
        assert.equal((error.cause as Error).message, 'long enough')
        return true
      })
      assert.ok(await until(() => templates().length === 0), 'the template is gone')
    })
  }

  for (const way of ['loops', 'never settles, busy', 'loops, with a child']) {
    test(`(${way}) is ended by startTimeout, with all that it started`, async () => {
      const before = new Set(descendants())
      const error = await failBy(way, { startTimeout: 1_500, settleMs: 60_000 })
      assert.equal(error.code, 'ERR_TEMPLATE_START')
      assert.match(error.message, /startTimeout/)
      assert.ok(await until(() => descendants().every((line) => before.has(line))), descendants().join('\n'))
    })
  }

  test('is not even started if the signal was aborted before', async () => {
    const before = descendants()
    await assert.rejects(ForkServer.start({ signal: AbortSignal.abort() }), { name: 'AbortError' })
    assert.deepEqual(descendants(), before)
  })
})

describe('an AbortSignal that is aborted after the start', () => {
  test('does nothing to the template', async () => {
    const controller = new AbortController()
    await using server = await ForkServer.start({ signal: controller.signal })
    const { pid } = server
    controller.abort()
    assert.ok(!(await until(() => !isAlive(pid!), 300)), 'the template lives on')
  })
})

describe('a warm-up that fails', () => {
  test('throws: its own error is the cause', async () => {
    const error = await failureOf({ preload: [failing.module], warmup: failing.warmUpThrows })
    checkOwnError(error)
    assert.match(error.message, /warmUpThrows/)
  })

  test('is not exported, or no function', async () => {
    const names = remote(failing.module)
    for (const name of ['noSuchFunction', 'notAFunction']) {
      const error = await failureOf({ warmup: names[name]! })
      assert.equal(error.code, 'ERR_PRELOAD_FAILED')
      assert.equal((error.cause as { code?: string }).code, 'ERR_NOT_EXPORTED')
      assert.ok(error.message.includes(name))
    }
  })
})
