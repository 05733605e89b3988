// Runs in: the test runner. The owner's end of the IPC channel on a descriptor: it is Node's own, on every Node.
import assert from 'node:assert/strict'
import { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { openIpc } from '#src/owner/launch/ipc-channel.js'
import { native } from '#src/platform/native.js'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

for (const serialization of ['json', 'advanced'] as const) {
  test(`two ends talk to each other: ${serialization}`, async () => {
    const fds = new Int32Array(2)
    assert.equal(native().socketPair(fds), 0)
    const [one, two] = [...fds].map((fd) => openIpc(fd, serialization)) as [ChildProcess, ChildProcess]
    assert.ok(one instanceof ChildProcess)
    one.send({ a: 1 })
    assert.deepEqual((await once(two, 'message'))[0], { a: 1 })
    const disconnected = [one, two].map((end) => once(end, 'disconnect'))
    two.disconnect()
    await Promise.all(disconnected)
    assert.equal(one.connected, false)
  })
}
