// Runs in: the test runner. The option killTree, if what would end the processes is itself stopped or killed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, runProgram } from './owner.js'

watchLeaks()

/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 60_000 }
const url = new URL('../fixtures/contract/trees.js', import.meta.url)
const trees = remote<typeof import('../fixtures/contract/trees.js')>(url)

async function grow(server: ForkServer): Promise<{ p: Process<typeof trees.grow>; pids: number[] }> {
  const stdio = ['ignore', 'pipe', 'ignore'] as const
  const p = await new Process(trees.grow, [], { server, stdio, killTree: true }).start()
  p.result.catch(() => {})
  const line = await new Promise<string>((resolve) => p.stdout!.once('data', (data) => resolve(String(data))))
  return { p, pids: [p.pid!, ...(JSON.parse(line) as number[])] }
}

const areGone = (pids: readonly number[]): Promise<boolean> => until(() => !pids.some(isAlive))

test('close() ends all of it while the template is stopped', LIMIT, async () => {
  const server = await ForkServer.start({ preload: [trees.module] })
  const { pids } = await grow(server)
  process.kill(server.pid!, 'SIGSTOP')
  const closed = server.close({ children: 'kill' })
  assert.ok(await areGone(pids))
  await closed
})

test('kill() ends all of it while the template is stopped, and after it was killed', LIMIT, async () => {
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
    const server = await ForkServer.start({ preload: [trees.module] })
    const { p, pids } = await grow(server)
    process.kill(server.pid!, signal)
    p.kill()
    assert.ok(await areGone(pids))
    if (signal === 'SIGSTOP') process.kill(server.pid!, 'SIGCONT')
    await p.join().catch(() => {})
    await server.close()
  }
})

test('an owner that is killed leaves nothing of it', LIMIT, async (t) => {
  const script = `import { ForkServer, Process, remote } from 'forkserver'
    const trees = remote(new URL(${JSON.stringify(url.href)}))
    const server = await ForkServer.start({ preload: [trees.module] })
    const p = await new Process(trees.grow, [], { server, killTree: true, stdio: ['ignore', 'pipe', 'ignore'] }).start()
    p.stdout.once('data', (data) => console.log(String(data).trim()))
    p.result.catch(() => {})`
  const owner = runProgram(process.execPath, ['--input-type=module', '-e', script])
  t.after(() => killIfAlive(owner.process.pid))
  const pids = JSON.parse((await owner.nextLine())!) as number[]
  owner.process.kill('SIGKILL')
  await owner.ended
  assert.ok(await areGone(pids))
})
