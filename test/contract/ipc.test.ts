// Runs in: the test runner. Node's IPC channel: messages, handles, and its end, on both sides.
import assert from 'node:assert/strict'
import type { SendHandle, Serializable } from 'node:child_process'
import dgram from 'node:dgram'
import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { ForkServer, Process, type ProcessOptions, program, type Reference, remote } from 'forkserver'
import { contract, read, run } from './contract.js'

const jobs = remote<typeof import('../fixtures/contract/talking.js')>(
  new URL('../fixtures/contract/talking.js', import.meta.url),
)
const IPC = ['inherit', 'inherit', 'inherit', 'ipc'] as const

contract("Node's IPC channel", (site) => {
  const options = (more: object = {}): ProcessOptions => ({ server: site.server, stdio: IPC, ...more })
  const nextMessage = async (p: Process<Reference>): Promise<Serializable> => (await once(p, 'message'))[0]

  test('messages to and fro, and a disconnect by the owner', async () => {
    const p = await new Process(jobs.answer, [], options()).start()
    assert.equal(await nextMessage(p), 'ready')
    assert.equal(p.connected, true)
    assert.equal(p.send({ a: [1, null] }), true)
    assert.deepEqual(await nextMessage(p), { got: { a: [1, null] } })
    const disconnected = once(p, 'disconnect')
    p.disconnect()
    await disconnected
    assert.equal(p.connected, false)
    assert.equal(p.channel, null)
    assert.equal(await p.result, 'connected: false')
    assert.equal((await p.join()).exitCode, 0)
  })

  test('structured clones with serialization: advanced', async () => {
    const p = await new Process(jobs.answer, [], options({ serialization: 'advanced' })).start()
    await nextMessage(p)
    const value = { map: new Map([[1n, new Date(0)]]) }
    p.send(value)
    assert.deepEqual(await nextMessage(p), { got: value })
    p.disconnect()
    await p.result
    await p.join()
  })

  test('the process has it before its job runs, and no variables of it', async () => {
    const found = await run(jobs.surroundings, [], options())
    assert.deepEqual(found, { send: 'function', connected: true, channel: 'object', variables: [null, null] })
    const without = await run(jobs.surroundings, [], { server: site.server })
    assert.deepEqual(without, { send: 'undefined', connected: null, channel: 'undefined', variables: [null, null] })
  })

  test('at any place, also in front of stdout', async () => {
    const p = new Process(jobs.sayAndLeave, [1], {
      server: site.server,
      stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'ipc', 'pipe'],
    })
    const messages: unknown[] = []
    p.on('message', (message) => messages.push(message))
    await p.start()
    assert.deepEqual(
      p.stdio.map((stream) => stream !== null),
      [false, false, false, true, false, true],
    )
    await Promise.all([once(p, 'disconnect'), p.join(), read(p.stdio[3]!), read(p.stdio[5]!)])
    assert.deepEqual(messages, [0])
  })

  test('all messages before an exit that the channel has room for arrive', async () => {
    const p = await new Process(jobs.sayAndLeave, [100], options()).start()
    const messages: unknown[] = []
    p.on('message', (message) => messages.push(message))
    await Promise.all([p.join(), once(p, 'disconnect')])
    assert.deepEqual(
      messages,
      Array.from({ length: 100 }, (_, index) => index),
    )
  })

  test('a disconnect by the process, and a message after it', async () => {
    const p = await new Process(jobs.disconnect, [], options()).start()
    if (p.connected) await once(p, 'disconnect')
    const sent = new Promise((resolve) => p.send('too late', resolve))
    assert.equal(((await sent) as NodeJS.ErrnoException).code, 'ERR_IPC_CHANNEL_CLOSED')
    const failed = once(p, 'error')
    assert.equal(p.send('too late'), false)
    assert.equal((await failed)[0].code, 'ERR_IPC_CHANNEL_CLOSED')
    await p.join()
  })

  test('a listener keeps the process alive, unless it unrefs the channel', async () => {
    const p = await new Process(jobs.listen, [false], options()).start()
    await p.result
    p.send('end')
    assert.equal((await p.join()).exitCode, 0)
    const unref = await new Process(jobs.listen, [true], options()).start()
    assert.equal((await unref.join()).exitCode, 0)
  })

  test('sockets, servers and datagram sockets travel with messages', async () => {
    const p = await new Process(jobs.useHandles, [], options()).start()
    const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = net.connect(port, '127.0.0.1')
    const [socket] = (await once(server, 'connection')) as [net.Socket]
    p.send({ what: 'socket' }, socket)
    assert.equal(await read(client), 'from the child')

    p.send({ what: 'server' }, server)
    assert.equal(await nextMessage(p), 'serving')
    server.close()
    assert.equal(await read(net.connect(port, '127.0.0.1')), 'served by the child')

    const bound = dgram.createSocket('udp4').bind(0, '127.0.0.1')
    await once(bound, 'listening')
    p.send({ what: 'datagrams' }, bound)
    assert.equal(await nextMessage(p), 'bound')
    const asking = dgram.createSocket('udp4')
    const target = bound.address().port
    bound.close()
    asking.send('there', target, '127.0.0.1')
    assert.equal(String((await once(asking, 'message'))[0]), 'there and back')
    asking.close()
    p.disconnect()
    await p.join()
  })

  test('a server that the process sends', async () => {
    const p = new Process(jobs.sendServer, [], options())
    const received = once(p, 'message') as Promise<[Serializable, SendHandle]>
    await p.start()
    const [text, handle] = await received
    assert.equal(text, 'server')
    assert.ok(handle instanceof net.Server)
    handle.close()
    await p.join()
  })

  test('a whole program', async () => {
    const code = "process.once('message', (m) => { process.send(m + 1) })"
    const p = await new Process(program({ eval: code }), [], options()).start()
    p.send(1)
    assert.equal(await nextMessage(p as never), 2)
    assert.equal((await p.join()).exitCode, 0)
  })

  test('without a channel, or before start(), there is nothing to send on', async () => {
    const p = new Process(jobs.nothing, [], options())
    assert.throws(() => p.send('early'), { code: 'ERR_INVALID_STATE', message: /was not started/ })
    assert.equal(p.connected, false)
    assert.equal(p.channel, null)
    await p.start()
    await p.join()
    const none = await new Process(jobs.nothing, [], { server: site.server }).start()
    assert.throws(() => none.disconnect(), { code: 'ERR_INVALID_STATE' })
    await none.join()
    assert.throws(() => new Process(jobs.nothing, [], { server: site.server, serialization: 'json' }), {
      code: 'ERR_INVALID_OPTION',
      message: /serialization/,
    })
  })

  test('a killed process disconnects', async () => {
    const p = await new Process(jobs.answer, [], options()).start()
    await nextMessage(p)
    const disconnected = once(p, 'disconnect')
    p.kill()
    await disconnected
    await assert.rejects(p.result, { code: 'ERR_CHILD_DIED' })
    await p.join()
  })
})

test("a listener of the template's counts", async () => {
  await using server = await ForkServer.start({ preload: [jobs.module], warmup: jobs.listenInTemplate })
  const p = await new Process(jobs.nothing, [], { server, stdio: IPC }).start()
  await p.result
  p.send('hello')
  assert.equal((await once(p, 'message'))[0], "template's listener: hello")
  assert.equal((await p.join()).exitCode, 0)
})
