// Runs in: the test runner. An owner ends, however it ends: its children and its template are gone within a moment, its
// detached children live on, and no socket file is left.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import type { StartMethod } from 'forkserver'
import type { ChildKind, OwnerEnd } from '../fixtures/faults/owner.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, runOwner, runProgram } from './owner.js'

watchLeaks()

/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 60_000 }

const ALL: ChildKind[] = ['idle', 'spinning', 'deaf', 'detached', 'reading']

// How it ends, by which signal from outside, and what its exit must then be.
const ENDS: [end: OwnerEnd, signal: NodeJS.Signals | null, exitCode: number | null][] = [
  ['exit', null, 0],
  ['error', null, 1],
  ['wait', 'SIGTERM', null],
  ['wait', 'SIGKILL', null],
]

async function checkGone(report: Awaited<ReturnType<typeof runOwner>>['report']): Promise<void> {
  const attached = report.children.filter(({ kind }) => kind !== 'detached')
  const detached = report.children.filter(({ kind }) => kind === 'detached')
  try {
    const rest = (): string[] => {
      const living = attached.filter(({ pid }) => isAlive(pid)).map(({ kind }) => kind as string)
      return report.template && isAlive(report.template) ? [...living, 'the template'] : living
    }
    await until(() => rest().length === 0)
    assert.deepEqual(rest(), [], 'they live without their owner')
    assert.ok(
      detached.every(({ pid }) => isAlive(pid)),
      'a detached child outlives its owner',
    )
    const address = report.address as { path: string } | null
    if (address) assert.ok(await until(() => !existsSync(path.dirname(address.path))), 'the socket file is left')
  } finally {
    for (const { pid } of report.children) killIfAlive(pid)
    killIfAlive(report.template)
    await until(() => !detached.some(({ pid }) => isAlive(pid)))
  }
}

for (const startMethod of ['forkserver', 'spawn'] as StartMethod[]) {
  describe(`an owner with children, start method ${startMethod}`, () => {
    const transport = startMethod === 'forkserver' ? ({ transport: 'path' } as const) : {}

    for (const [end, signal, exitCode] of ENDS) {
      test(`ends by ${signal ?? end}`, async () => {
        const owner = await runOwner({ startMethod, ...transport, children: ALL, end })
        if (signal) owner.process.kill(signal)
        const ended = await owner.ended
        assert.deepEqual([ended.exitCode, ended.signal], [exitCode, signal])
        await checkGone(owner.report)
      })
    }
  })

  describe(`an owner without children, start method ${startMethod}`, () => {
    for (const end of ['return', 'exit', 'dispose'] as const) {
      test(`ends by ${end}, and nothing keeps it`, async () => {
        const owner = await runOwner({ startMethod, children: [], end })
        const { exitCode, signal, stderr } = await owner.ended
        assert.deepEqual({ exitCode, signal, stderr }, { exitCode: 0, signal: null, stderr: '' })
        await checkGone(owner.report)
      })
    }
  })
}

const MOUNT = 'mount -t tmpfs none /proc'
const canHideProc = process.getuid?.() === 0 && spawnSync('unshare', ['-m', 'sh', '-c', MOUNT]).status === 0

test('an owner without /proc is killed', { skip: !canHideProc && 'only root can mount over /proc' }, async () => {
  const within = ['unshare', '-m', 'sh', '-c', `${MOUNT} && exec "$0" "$@"`]
  const owner = await runOwner({ startMethod: 'spawn', children: ALL, end: 'wait' }, within)
  owner.process.kill('SIGKILL')
  await owner.ended
  await checkGone(owner.report)
})

describe('an owner whose template does not answer', () => {
  for (const transport of ['private', 'path'] as const) {
    for (const children of [[], ['idle', 'deaf']] as ChildKind[][]) {
      const what = `transport ${transport}, ${children.length > 0 ? 'with children' : 'without children'}`
      test(`close() of a server whose template is stopped, ${what}: the owner goes on`, LIMIT, async (t) => {
        const owner = await runOwner({ transport, children, end: 'close' })
        t.after(() => killIfAlive(owner.process.pid))
        const template = owner.report.template!
        process.kill(template, 'SIGSTOP')
        owner.process.stdin!.end()
        const { exitCode, signal, stderr } = await owner.ended
        assert.deepEqual({ exitCode, signal, stderr }, { exitCode: 0, signal: null, stderr: '' })
        assert.equal(await owner.nextLine(), 'closed')
        // Others may have it: where they can reach it, it is not killed, and leaves when it wakes.
        assert.equal(isAlive(template), transport === 'path')
        if (transport === 'path') process.kill(template, 'SIGCONT')
        await checkGone(owner.report)
      })
    }
  }

  test('the owner is killed while its template is stopped: the template goes when it wakes', async () => {
    const owner = await runOwner({ transport: 'path', children: ['idle', 'spinning'], end: 'wait' })
    process.kill(owner.report.template!, 'SIGSTOP')
    owner.process.kill('SIGKILL')
    await owner.ended
    const isOver = (): boolean => !owner.report.children.some(({ pid }) => isAlive(pid))
    assert.ok(await until(isOver), 'children need no template to die')
    process.kill(owner.report.template!, 'SIGCONT')
    await checkGone(owner.report)
  })

  test('the owner is killed while its template still loads, and loops in a preload: the template goes', async () => {
    const loops = 'data:text/javascript,console.log(process.pid); for (;;);'
    const script = `import { ForkServer } from 'forkserver'
      await ForkServer.start({ preload: [${JSON.stringify(loops)}] })`
    const owner = runProgram(process.execPath, ['--input-type=module', '-e', script])
    const template = Number(await owner.nextLine())
    assert.ok(isAlive(template))
    owner.process.kill('SIGKILL')
    await owner.ended
    assert.ok(await until(() => !isAlive(template)))
  })
})
