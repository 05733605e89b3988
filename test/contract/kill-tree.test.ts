// Runs in: the test runner. The option killTree: whatever ends the process ends what it started, too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ForkServer, Process, type ProcessOptions, remote } from 'forkserver'
import { isAlive, until } from '../support/leaks.js'
import { contract } from './contract.js'

const trees = remote<typeof import('../fixtures/contract/trees.js')>(
  new URL('../fixtures/contract/trees.js', import.meta.url),
)

interface Tree {
  process: Process<typeof trees.grow>
  /** What the process started, and what that started. */
  others: number[]
}

const ENDS: Record<string, { options?: ProcessOptions; end(tree: Tree, abort: AbortController): void }> = {
  'kill()': { end: ({ process }) => void process.kill() },
  'terminate()': { end: ({ process }) => void process.terminate() },
  'its timeout': { options: { timeout: 6_000 }, end: () => {} },
  'an abort': { end: (_tree, abort) => abort.abort() },
  'its own exit': { end: ({ process }) => void process.stdin!.end('exit') },
  'an uncaught error': { end: ({ process }) => void process.stdin!.end('throw') },
  'its own signal': { end: ({ process }) => void process.stdin!.end('SIGKILL') },
}

async function growOn(server: ForkServer, options: ProcessOptions): Promise<Tree> {
  const stdio = ['pipe', 'pipe', 'ignore'] as const
  const process = await new Process(trees.grow, [], { server, stdio, ...options }).start()
  process.result.catch(() => {})
  const line = await new Promise<string>((resolve, reject) => {
    process.stdout!.once('data', (data) => resolve(String(data)))
    process.stdout!.once('end', () => reject(new Error('it ended before it said what it started')))
  })
  return { process, others: JSON.parse(line) as number[] }
}

const areGone = (pids: readonly number[]): Promise<boolean> => until(() => !pids.some(isAlive))
const end = (pids: readonly number[]): void => {
  for (const pid of pids) if (isAlive(pid)) globalThis.process.kill(pid, 'SIGKILL')
}

contract(
  'killTree',
  (site) => {
    const grow = (options: ProcessOptions): Promise<Tree> => growOn(site.server, options)

    for (const [name, { options, end: endTree }] of Object.entries(ENDS)) {
      test(`by ${name}`, async () => {
        const abort = new AbortController()
        const tree = await grow({ killTree: true, signal: abort.signal, ...options })
        endTree(tree, abort)
        await tree.process.join()
        try {
          assert.ok(await areGone(tree.others), 'what it started goes on')
        } finally {
          end(tree.others)
        }
      })
    }

    test('every signal reaches the whole group', async () => {
      const tree = await grow({ killTree: true })
      tree.process.kill('SIGUSR2') // the default action ends a process that does not listen: only the started ones
      assert.ok(await areGone(tree.others))
      assert.equal(tree.process.alive, true, 'it listens')
      tree.process.kill()
      await tree.process.join()
    })

    test('killed as soon as it is started', async () => {
      for (let i = 0; i < 20; i++) {
        const options = { server: site.server, stdio: 'ignore', killTree: true } as const
        const p = await new Process(trees.grow, [], options).start()
        p.result.catch(() => {})
        p.kill()
        const { signal } = await p.join()
        assert.equal(signal, 'SIGKILL')
      }
    })

    test('detached, too: kill() ends all of it', async () => {
      const tree = await grow({ killTree: true, detached: true })
      tree.process.kill()
      await tree.process.join()
      assert.ok(await areGone(tree.others))
    })

    test('without it, what a process started goes on', async () => {
      const tree = await grow({})
      tree.process.kill()
      await tree.process.join()
      try {
        assert.ok(tree.others.every(isAlive))
      } finally {
        end(tree.others)
        await areGone(tree.others)
      }
    })

    test('a process that was started in a session of its own goes on', async () => {
      const stdio = ['pipe', 'pipe', 'ignore'] as const
      const options = { server: site.server, stdio, killTree: true }
      const process = await new Process(trees.growApart, [], options).start()
      process.result.catch(() => {})
      const line = await new Promise<string>((resolve, reject) => {
        process.stdout!.once('data', (data) => resolve(String(data)))
        process.stdout!.once('end', () => reject(new Error('it ended before it said what it started')))
      })
      const others = JSON.parse(line) as number[]
      process.kill()
      await process.join()
      try {
        assert.ok(others.every(isAlive))
      } finally {
        end(others)
        await areGone(others)
      }
    })
  },
  { preload: [trees.module] },
)
