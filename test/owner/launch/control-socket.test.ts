// Runs in: the test runner. When an owner may send its next request on a control socket that is full.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { socketPair } from '#src/owner/launch/child-stdio.js'
import { ControlSocket } from '#src/owner/launch/control-socket.js'
import { findNative, isErrno, RECEIVED_DESCRIPTORS } from '#src/platform/native.js'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const found = findNative()
assert.ok('native' in found)
const { native } = found
/** A bound for what hangs; nothing comes near it. */
const LIMIT = { timeout: 60_000 }

describe('a control socket that takes no more', LIMIT, () => {
  function full() {
    const [fd, other] = socketPair(native)
    const closed = new AbortController()
    const onClose = (): void => closed.abort()
    const socket = new ControlSocket(native, fd, { onData: () => {}, onClose })
    const bytes = Buffer.alloc(64 * 1024)
    let sent = 0
    do sent = native.send(fd, bytes, new Int32Array(0))
    while (sent >= 0)
    assert.ok(isErrno(sent, 'EAGAIN'))
    socket.write(Buffer.from('small'))
    assert.equal(socket.isDrained, false)
    return { socket, other, closed: closed.signal }
  }

  test('a few bytes that waited are sent: drained() resolves', async () => {
    const { socket, other, closed } = full()
    const drained = socket.drained()
    const bytes = Buffer.alloc(1024 * 1024)
    while (!isErrno(native.receive(other, bytes, new Int32Array(RECEIVED_DESCRIPTORS)), 'EAGAIN'));
    await drained
    assert.ok(socket.isDrained)
    socket.close()
    await once(closed, 'abort')
    native.close(other)
  })

  test('the other end is closed: drained() resolves', async () => {
    const { socket, other, closed } = full()
    const drained = socket.drained()
    native.close(other)
    await drained
    assert.ok(closed.aborted)
  })

  test('it is closed: drained() resolves', async () => {
    const { socket, other } = full()
    const drained = socket.drained()
    socket.close()
    await drained
    native.close(other)
  })
})
