// Runs in: the test runner. What a child has open does not depend on who else is there: no control socket, no listener,
// nothing of its siblings and of other owners.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Process, remote } from 'forkserver'
import { openDescriptors, until, watchLeaks } from '../support/leaks.js'
import { Gate } from './gate.js'
import { descriptorsOf } from './raw-client.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const SIBLINGS = 5

async function kindsOf(server: ForkServer, detached = false): Promise<string[]> {
  const p = await new Process(jobs.descriptorKinds, [], { server, stdio: 'ignore', detached }).start()
  const kinds = await p.result
  await p.join()
  return kinds
}

async function withSiblings<T>(servers: ForkServer[], work: () => Promise<T>): Promise<T> {
  using gate = new Gate()
  const siblings = servers.flatMap((server) =>
    Array.from({ length: SIBLINGS }, (_, id) => new Process(jobs.untilReleased, [id], { server, stdio: gate.stdio })),
  )
  await Promise.all(siblings.map((p) => p.start()))
  try {
    return await work()
  } finally {
    gate.open()
    await Promise.all(siblings.map((p) => p.join()))
  }
}

describe('the descriptors of a child', () => {
  let server: ForkServer
  before(async () => {
    server = await ForkServer.start({ transport: 'path', preload: [jobs.module], spares: 0 })
  })
  after(() => server.close())

  test('are its streams, its job channel, its lifeline and what Node itself has', async () => {
    const kinds = await kindsOf(server)
    const count = (kind: string): number => kinds.filter((other) => other === kind).length
    assert.equal(count('socket'), 1, `the job channel is the only socket: ${kinds.join(' ')}`)
    assert.deepEqual(
      kinds.filter((kind) => !/^(socket|pipe|\/dev\/null|anon_inode:\[(eventfd|eventpoll|io_uring)\])$/.test(kind)),
      [],
    )
    assert.ok(!kinds.some((kind) => kind.includes('/proc/')), 'what the template watches its threads by')
  })

  test('are the same with siblings and a second owner', async () => {
    const alone = await kindsOf(server)
    await using second = await ForkServer.connect(server.address!, server.key!)
    await withSiblings([server, second], async () => {
      assert.deepEqual(await kindsOf(server), alone)
      assert.deepEqual(await kindsOf(second), alone)
    })
    assert.deepEqual(await kindsOf(server), alone)
  })

  test('of a detached child are the same without the lifeline', async () => {
    const attached = await kindsOf(server)
    const detached = await kindsOf(server, true)
    assert.equal(
      attached.filter((kind) => kind === 'pipe').length - detached.filter((kind) => kind === 'pipe').length,
      1,
    )
  })

  test("are none of the template except Node's own, and none of a sibling except a shared stdin", async () => {
    using gate = new Gate()
    const ask = (): Promise<string[]> =>
      new Process(jobs.inodes, [], { server, stdio: gate.stdio }).start().then(({ result }) => result)
    const [first, second] = [await ask(), await ask()]
    const template = new Set(descriptorsOf(server.pid!).map((line) => line.slice(line.indexOf(' ') + 1)))
    const sockets = first.filter((target) => target.startsWith('socket:'))
    assert.ok(!sockets.some((target) => template.has(target)), 'no socket of the template')
    assert.ok(!second.some((target) => sockets.includes(target)), 'no socket of a sibling')
  })

  test('of the template and of the owner are no more after 100 children than before', async () => {
    const open = (): number[] => [descriptorsOf(server.pid!).length, openDescriptors().length]
    await kindsOf(server)
    const before = open()
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 10 }, () => kindsOf(server)))
    // No more, but perhaps fewer: a child of another test may have been ending when they were counted first.
    assert.ok(await until(() => open().every((count, index) => count <= before[index]!)), `${open()} after ${before}`)
  })
})
