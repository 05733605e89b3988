// Runs in: the test runner. Tasks that break what their worker shares with its owner: the task fails or succeeds, never
// without an answer, and the pool goes on.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { remote } from 'forkserver'
import { collect, poolContract, tasks } from './pool-tools.js'

const hostile = remote<typeof import('../fixtures/pool/hostile.js')>(
  new URL('../fixtures/pool/hostile.js', import.meta.url),
)
const FAILED = /^(ERR_CHILD_DIED|ERR_PROTOCOL|ERR_RESOURCE)$/

poolContract('hostile tasks', (site) => {
  test('low descriptors that are closed, or closed twice, are not those of the worker', async () => {
    await using pool = site.open({ processes: 1 })
    const pid = await pool.run(tasks.pid, [])
    for (let round = 0; round < 3; round++) assert.equal(await pool.run(hostile.closeTwice, []), 'closed')
    assert.equal(await pool.run(tasks.later, ['slowly', 5]), 'slowly')
    assert.equal(await pool.run(hostile.closeFrom, [3, 6]), 'closed')
    assert.equal(await pool.run(tasks.pid, []), pid)
  })

  test('a task that closes all descriptors has an answer, and the pool goes on', async () => {
    await using pool = site.open({ processes: 1 })
    for (let round = 0; round < 3; round++) {
      await pool.run(hostile.closeFrom, [3, 1024]).then(
        (value) => assert.equal(value, 'closed'),
        ({ code }: { code: string }) => assert.match(code, FAILED),
      )
      let isUp = false
      for (let tries = 0; tries < 3 && !isUp; tries++)
        isUp = await pool.run(tasks.identity, ['up']).then(
          (text) => text === 'up',
          ({ code }: { code: string }) => {
            assert.match(code, FAILED) // the worker found out when it took this one
            return false
          },
        )
      assert.ok(isUp)
    }
  })

  test('what a task puts in the place of an event is not written to', async () => {
    await using pool = site.open({ processes: 1 })
    const file = site.newFile()
    const pid = await pool.run(tasks.pid, [])
    // The answer stands in the memory that both share, so it may arrive although the worker could wake nobody and
    // ended.
    const count = await pool.run(hostile.replaceEvents, [file]).catch(({ code }: { code: string }) => {
      assert.match(code, FAILED)
      return 2
    })
    assert.equal(count, 2)
    assert.notEqual(await pool.run(tasks.pid, []).catch(() => 0), pid)
    assert.equal(statSync(file, { throwIfNoEntry: false })?.size ?? 0, 0)
    assert.equal(await pool.run(tasks.identity, ['goes on']), 'goes on')
  })

  test('a value that fails or changes at any reading has exactly one answer', async () => {
    await using pool = site.open({ processes: 1 })
    const pid = await pool.run(tasks.pid, [])
    const kinds = ['getter', 'nested', 'proxy', 'becomes a function', 'then', 'thrower', 'toJSON']
    for (const kind of kinds)
      for (let at = 1; at <= 6; at++) {
        const outcome = await pool.run(hostile.fighter, [kind, at]).then(
          () => 'a value',
          (error: unknown) => {
            assert.ok(error instanceof Error)
            return 'an error'
          },
        )
        assert.match(outcome, /^a/, `${kind} ${at}`)
      }
    assert.equal(await pool.run(tasks.pid, []), pid, 'it is the same worker')
  })

  test('the other tasks of its chunk have their own answers', async () => {
    await using pool = site.open({ processes: 1 })
    for (const kind of ['getter', 'becomes a function']) {
      const answers = ['one', kind, 'three'].map((one) => pool.run(hostile.fighter, [one, 3]))
      const settled = await Promise.allSettled(answers)
      assert.deepEqual(
        [settled[0], settled[2]].map((one) => one!.status === 'fulfilled' && one!.value),
        ['one', 'three'],
      )
      const seen: unknown[] = []
      await collect(pool.imap(hostile.fighter, ['a', 'b', kind, 'c'], { chunkSize: 4 })).then(
        (all) => seen.push(...all),
        (error: Error) => assert.equal((error as { code?: string }).code, 'ERR_CANNOT_CLONE'),
      )
      assert.equal(await pool.run(tasks.identity, ['next']), 'next')
    }
  })

  test('output that a task wants to stretch stays what it is', async () => {
    await using pool = site.open({ stdio: 'capture', processes: 1 })
    assert.notEqual(await pool.run(hostile.stretchOutput, [3e9]), 'stretched')
    let text = ''
    const onOutput = (bytes: Buffer): void => {
      text += bytes
    }
    await pool.run(tasks.write, ['still'], { onOutput })
    assert.ok(text.includes('still log\n'))
  })

  test('a task that writes waits for the reader of its output, as for a full pipe', async () => {
    await using pool = site.open({ stdio: 'capture', processes: 1 })
    const file = site.newFile()
    const pieces = 256 // 16 MiB
    let bytes = 0
    let noted: number | undefined
    await pool.run(hostile.writePieces, [pieces, file], {
      onOutput: (part) => {
        bytes += part.length
        if (noted !== undefined) return
        // This process reads nothing while it is here: the task comes to its end, or waits.
        const end = performance.now() + 300
        while (performance.now() < end);
        noted = readFileSync(file).length
      },
    })
    assert.ok(noted! < pieces / 4, `${noted} pieces of ${pieces} were written while nobody read`)
    assert.equal(bytes, pieces * 65_536)
  })
})
