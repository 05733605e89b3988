// Runs in: the test runner. Descriptors behind stdin, stdout and stderr: a child has those that it is given, at their
// numbers, and no others.
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { Process, remote } from 'forkserver'
import { contractOnTransports, read, run } from './contract.js'

const jobs = remote<typeof import('../fixtures/contract/streams.js')>(
  new URL('../fixtures/contract/streams.js', import.meta.url),
)
const LAST = 14

let folder = ''
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-descriptors-'))
})
after(() => rmSync(folder, { recursive: true }))

contractOnTransports('further descriptors', (site) => {
  test('pipes, for both directions', async () => {
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const
    const p = await new Process(jobs.relay, [3, 4], { server: site.server, stdio }).start()
    assert.deepEqual(
      p.stdio.map((stream) => stream !== null),
      [false, false, false, true, true],
    )
    p.stdio[3]!.end('from the owner')
    assert.equal(await read(p.stdio[4]!), 'FROM THE OWNER')
    await p.result
    assert.equal((await p.join()).exitCode, 0)
  })

  test('one pipe, read and written by both', async () => {
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe'] as const
    const p = await new Process(jobs.relay, [3, 3], { server: site.server, stdio }).start()
    p.stdio[3]!.end('there and back')
    assert.equal(await read(p.stdio[3]!), 'THERE AND BACK')
    assert.equal((await p.join()).exitCode, 0)
  })

  test('a file at the last place, with nothing between', async () => {
    const file = path.join(folder, 'file')
    writeFileSync(file, 'its text')
    const fd = openSync(file, 'r')
    const stdio = ['ignore', 'ignore', 'ignore', ...new Array(LAST - 3).fill('ignore'), fd]
    assert.equal(await run(jobs.readDescriptor, [LAST], { server: site.server, stdio }), 'its text')
    closeSync(fd)
  })

  test('the same descriptor at several places, in any order', async () => {
    const file = path.join(folder, 'shared')
    const [one, two] = [openSync(file, 'w'), openSync('/dev/zero', 'r')]
    const stdio = ['ignore', 'ignore', 'ignore', two, one, two, one] as const
    const places = await run(jobs.placesOf, [7], { server: site.server, stdio })
    assert.deepEqual(places.slice(3), ['/dev/zero', file, '/dev/zero', file])
    for (const fd of [one, two]) closeSync(fd)
  })

  test('those that a child is not given are free, and what it starts inherits none', async () => {
    const fd = openSync('/dev/zero', 'r')
    const stdio = ['ignore', 'ignore', 'inherit', fd] as const
    const options = { server: site.server, stdio }
    const places = await run(jobs.placesOf, [LAST + 1], options)
    assert.equal(places[3], '/dev/zero')
    if (site.way.name !== 'spawn') assert.deepEqual(places.slice(4), new Array(LAST - 3).fill(null))
    closeSync(fd)
    // 3 is that of ls itself, which reads the folder; higher ones may be those of whoever started these tests.
    const inherited = await run(jobs.inheritedByAProgram, [], { ...options, stdio: ['ignore', 'ignore', 'inherit', 2] })
    assert.deepEqual(
      inherited.filter((name) => Number(name) <= LAST),
      ['0', '1', '2', '3'],
    )
  })

  test('the table is wide from its birth, so that no later descriptor makes a process with threads wait', async () => {
    const size = await run(jobs.descriptorTable, [], { server: site.server })
    if (site.way.name !== 'spawn') assert.ok(size >= 1024, `${size}`)
  })

  test('a child writes to a file that its owner opened', async () => {
    const file = path.join(folder, 'written')
    const fd = openSync(file, 'w')
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', fd] as const
    const p = await new Process(jobs.relay, [3, 4], { server: site.server, stdio }).start()
    closeSync(fd)
    p.stdio[3]!.end('kept')
    await p.join()
    assert.equal(readFileSync(file, 'utf8'), 'KEPT')
  })
})
