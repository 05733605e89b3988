import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listen } from './server.js'

let server
before(async () => {
  server = await listen()
})
after(() => server.close())

const get = async (path) => {
  const response = await fetch(server.url + path)
  return [response.status, await response.text()]
}

test('good pages arrive while others crash and hang', async () => {
  const paths = ['/slow', '/crash', '/count', '/count', '/', '/crash', '/count']
  const count = [200, '<!doctype html><p>This process has rendered 1 page.</p>']
  assert.deepEqual(await Promise.all(paths.map(get)), [
    [504, 'ERR_TIMEOUT'],
    [500, 'ERR_CHILD_DIED'],
    count,
    count,
    [200, '<!doctype html><h1>Welcome</h1>'],
    [500, 'ERR_CHILD_DIED'],
    count,
  ])
})

test('nobody renders for clients that have left', async () => {
  const many = Array.from({ length: 150 }, () => fetch(`${server.url}/slow`, { signal: AbortSignal.timeout(500) }))
  await Promise.allSettled(many) // on two processors, these would take more than a minute
  const response = await fetch(server.url, { signal: AbortSignal.timeout(20_000) })
  assert.equal(response.status, 200)
})
