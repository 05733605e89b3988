// Runs in: the test runner. Wrong arguments of forkserverProcessor() are refused before anything starts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { forkserverProcessor, type ProcessorOptions } from 'forkserver/bullmq'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()
const FILE = new URL('../fixtures/bullmq/processor.js', import.meta.url)
const refused = (file: unknown, options: object, code: string, message: RegExp): void =>
  assert.throws(() => forkserverProcessor(file as URL, options as ProcessorOptions), { code, message })

test('the file must be there, and be named absolutely', () => {
  refused(new URL('nowhere.js', FILE), {}, 'ERR_INVALID_ARGUMENT', /There is no processor file .*nowhere\.js/)
  refused('processor.js', {}, 'ERR_INVALID_ARGUMENT', /absolute path/)
  refused(7, {}, 'ERR_INVALID_ARGUMENT', /URL or an absolute path/)
  refused(fileURLToPath(new URL('.', FILE)), {}, 'ERR_INVALID_ARGUMENT', /There is no processor file/)
})

test('wrong options are refused', () => {
  refused(FILE, { timeOut: 1 }, 'ERR_UNKNOWN_OPTION', /'timeout'/)
  refused(FILE, { cancelTimeout: -1 }, 'ERR_INVALID_OPTION', /cancelTimeout/)
  refused(FILE, { timeout: 'long' }, 'ERR_INVALID_OPTION', /timeout/)
  refused(FILE, { limits: { memmory: 1 } }, 'ERR_UNKNOWN_OPTION', /limits\.memory/)
  refused(FILE, { stdio: 'pipe' }, 'ERR_INVALID_OPTION', /stdio/)
  refused(FILE, { stdio: ['ignore'] }, 'ERR_INVALID_OPTION', /stdio/)
  refused(FILE, { server: 1 }, 'ERR_INVALID_OPTION', /server/)
})
