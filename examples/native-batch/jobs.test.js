import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'

const jobs = remote(new URL('./jobs.js', import.meta.url))
const image = { name: 'a', width: 30, svg: '<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"/>' }

test('children of a template that has loaded sharp make thumbnails', async () => {
  const server = await ForkServer.start({ preload: [jobs.module] })
  const children = Array.from({ length: 4 }, () => new Process(jobs.thumbnail, [image], { server }))
  for (const child of children) await child.start()
  for (const child of children) {
    const { data, width, height } = await child.result
    assert.deepEqual([width, height], [30, 20])
    assert.equal(Buffer.from(data).toString('latin1', 8, 12), 'WEBP')
    assert.deepEqual((await child.join()).exitCode, 0)
  }
  await server.close()
})

test('a template that has used sharp is refused', async (t) => {
  const server = await ForkServer.start()
  await server.close()
  if (server.startMethod === 'spawn') return t.skip('there are no templates here')
  const use = remote(new URL('./used.js', import.meta.url))
  await assert.rejects(ForkServer.start({ preload: [jobs.module], warmup: use.once }), {
    code: 'ERR_UNFORKABLE',
    message: /libvips/,
  })
})
