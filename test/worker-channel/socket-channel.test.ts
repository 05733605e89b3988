// Runs in: the test runner. The channel over a socket: flushed() waits for a peer that does not read.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { SocketChannel } from '#src/worker-channel/socket-channel.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

test('flushed() waits until all is sent, and says so if it is', { timeout: 60_000 }, async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { connect } = await import('node:net')
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [peer] = (await once(server, 'connection')) as [Socket]
  if (socket.connecting) await once(socket, 'connect')
  const listener = { onMessage: () => {}, onFailure: assert.fail, onGone: () => {} }
  const channel = new SocketChannel(socket, listener)
  channel.send(Buffer.from('small'))
  assert.equal(channel.flushed(), undefined)
  channel.send(Buffer.alloc(64 * 2 ** 20))
  const flushed = channel.flushed()
  assert.ok(flushed)
  peer.resume()
  await flushed
  assert.equal(channel.flushed(), undefined)
  channel.send(Buffer.alloc(64 * 2 ** 20))
  const never = channel.flushed()
  peer.pause()
  socket.destroy()
  await never // a socket that fails sends nothing more
  peer.destroy()
  server.close()
})
