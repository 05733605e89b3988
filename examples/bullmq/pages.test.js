// Runs in: the test runner. Each page has a process of its own, and one that dies hurts no other.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renderPages } from './pages.js'
import { startRedis } from './redis.js'

let redis
before(async () => {
  redis = await startRedis()
})
after(() => redis?.stop())

test('each page is the first of its process', async () => {
  const found = await renderPages(redis.connection, [
    { name: 'a', text: 'a' },
    { name: 'b', text: 'b' },
  ])
  assert.deepEqual(found, [
    { html: '<p>a</p>', pages: 1 },
    { html: '<p>b</p>', pages: 1 },
  ])
})

test('a page that kills its process fails alone', async () => {
  const [crash, next] = await renderPages(redis.connection, [
    { name: 'x', text: '<crash>' },
    { name: 'y', text: 'y' },
  ])
  assert.match(crash.error, /SIGSEGV/)
  assert.equal(next.html, '<p>y</p>')
})
