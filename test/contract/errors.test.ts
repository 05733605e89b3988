// Runs in: the test runner. What a function throws reaches the owner as it was, and tells where it came from.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Process, type Reference } from 'forkserver'
import { contract, errorOf, failureOf, follow, rejectionOf, throws } from './contract.js'

type WithFields = Error & Record<string, unknown>

contract('errors', (site) => {
  const thrownBy = async <R extends Reference>(reference: R, args: ConstructorParameters<typeof Process<R>>[1]) => {
    const ended = await follow(reference, args, { server: site.server })
    // Its owner hears it, so it is no uncaught error: nothing is printed.
    assert.deepEqual(ended.exit, { exitCode: 1, signal: null })
    assert.deepEqual([ended.stdout, ended.stderr], ['', ''])
    return failureOf(ended)
  }

  test('a class of the module arrives as its nearest built-in class, with name, code and own properties', async () => {
    const error = (await thrownBy(throws.throwOwnClass, [42])) as WithFields
    assert.ok(error instanceof RangeError)
    assert.equal(error.name, 'MissingPageError')
    assert.equal(error.message, 'page 42 is missing')
    assert.equal(error.code, 'ERR_MISSING_PAGE')
    assert.equal(error.page, 42)
    assert.deepEqual(error.seen, new Map([['first', new Date(5)]]))
    assert.ok(error.cause instanceof TypeError)
    assert.equal(error.cause.message, 'the shelf is empty')
    assert.equal(error.cause.cause, 'rain')
  })

  test("has the frames of the child, then the owner's", async () => {
    const process = new Process(throws.throwOwnClass, [1], { server: site.server, stdio: 'ignore' })
    async function startedHere(): Promise<unknown> {
      return process.start()
    }
    await startedHere()
    const stack = (await errorOf(process.result, RangeError)).stack ?? ''
    assert.match(stack, /^(MissingPageError|RangeError): page 1 is missing\n/)
    const places = ['failDeep', 'throws.js', `in process ${process.pid}, called from`, 'startedHere', 'errors.test.js']
    const found = places.map((place) => stack.indexOf(place))
    assert.ok(!found.includes(-1), stack)
    assert.deepEqual(
      found.toSorted((a, b) => a - b),
      found,
      stack,
    )
    await process.join()
  })

  test('built-in classes', async () => {
    for (const name of ['TypeError', 'RangeError', 'SyntaxError', 'EvalError', 'URIError'] as const) {
      const error = (await thrownBy(throws.throwBuiltIn, [name])) as Error
      assert.ok(error instanceof globalThis[name])
      assert.deepEqual([error.name, error.message], [name, `a ${name}`])
    }
  })

  test('a promise that rejects', async () => {
    assert.equal(((await thrownBy(throws.rejectLater, [])) as Error).message, 'later')
  })

  test('an AggregateError with its errors', async () => {
    const error = await thrownBy(throws.throwAggregate, [])
    assert.ok(error instanceof AggregateError)
    const [one, two, three] = error.errors as unknown[]
    assert.ok(one instanceof TypeError && two instanceof RangeError)
    assert.deepEqual([error.message, one.message, two.message, three], ['several', 'one', 'two', 'three'])
  })

  test('an error that is its own cause', async () => {
    const error = (await thrownBy(throws.throwCircle, [])) as WithFields
    assert.equal(error.cause, error)
    assert.equal(error.self, error)
  })

  test('an error of Node, and a DOMException', async () => {
    const system = (await thrownBy(throws.throwSystemError, [])) as WithFields
    assert.deepEqual([system.code, system.syscall, system.dest], ['ENOENT', 'chdir', '/this/folder/does/not/exist'])
    const dom = await thrownBy(throws.throwDom, [])
    assert.ok(dom instanceof DOMException)
    assert.deepEqual([dom.name, dom.code], ['DataCloneError', 25])
  })

  test('what is thrown need not be an error', async () => {
    assert.equal(await thrownBy(throws.throwValue, ['string']), 'text')
    assert.equal(await thrownBy(throws.throwValue, ['undefined']), undefined)
    assert.equal(await thrownBy(throws.throwValue, ['null']), null)
    assert.equal(await thrownBy(throws.throwValue, ['number']), 7)
    assert.deepEqual(await thrownBy(throws.throwValue, ['object']), { a: [1] })
    assert.match(String(await thrownBy(throws.throwValue, ['function'])), /failDeep/)
  })

  test('an exit code that was set before the throw stays', async () => {
    const process = await new Process(throws.throwWithExitCode, [5], { server: site.server, stdio: 'ignore' }).start()
    assert.equal(((await rejectionOf(process.result)) as Error).message, 'with a code')
    assert.equal((await process.join()).exitCode, 5)
  })
})
