import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { Level, rate } from './jobs.ts'

const jobs = remote<typeof import('./jobs.ts')>(new URL('./jobs.ts', import.meta.url))
const text = { title: 'Fork', body: 'A fork copies a process.' }

test('a job in TypeScript gives the same in a process of its own', async () => {
  await using server = await ForkServer.start({ preload: [jobs.module] })
  const child = await new Process(jobs.rate, [text], { server }).start()
  const rating = await child.result
  assert.deepEqual(rating, rate(text))
  assert.equal(rating.level, Level.Easy)
})
