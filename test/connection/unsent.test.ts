// Runs in: the test runner. Messages and descriptors that the kernel has not taken yet: what a signal ends, what leaves
// all the same, and that detach() does not cut them.
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { Connection, pipe } from 'forkserver/connection'
import { addon, temporary, WAYS, withPair } from '../support/connections.js'
import { openDescriptors, watchLeaks } from '../support/leaks.js'

watchLeaks()

const ABORTED = { name: 'AbortError', code: 'ABORT_ERR' }
/** More than the buffers of a socket take. */
const LARGE = 8_000_000

for (const way of WAYS) {
  test(
    `over ${way.name}, who was told that the wait has ended may change the bytes`,
    withPair(
      way,
      async ({ one, other }) => {
        const first = one.sendBytes(Buffer.alloc(LARGE))
        const aborter = new AbortController()
        const { signal } = aborter
        const [bytes, value] = [Buffer.alloc(100_000, 1), Buffer.alloc(100_000, 2)]
        const sent = [one.sendBytes(bytes, { offset: 50_000, signal }), one.send(value, { signal })]
        aborter.abort()
        for (const promise of sent) await assert.rejects(promise, ABORTED)
        bytes.fill(9)
        value.fill(9)
        assert.equal((await other.recvBytes()).length, LARGE)
        assert.ok((await other.recvBytes()).equals(Buffer.alloc(50_000, 1)))
        assert.ok((await other.recvBytes()).equals(Buffer.alloc(100_000, 2)))
        await first
      },
      { codec: 'bytes' },
    ),
  )
}

for (const way of WAYS.filter(({ isNative }) => isNative)) {
  describe(`descriptors over ${way.name}`, () => {
    test(
      'a sendHandle() that was aborted passes the file that it was given, whatever has its number then',
      withPair(way, async ({ one, other }) => {
        const { folder, remove } = temporary()
        const [public_, secret] = ['public', 'secret'].map((name) => path.join(folder, name))
        writeFileSync(public_!, 'public')
        writeFileSync(secret!, 'secret')
        const first = one.sendBytes(Buffer.alloc(LARGE))
        const aborter = new AbortController()
        const fd = openSync(public_!, 'r')
        const sending = one.sendHandle(fd, { signal: aborter.signal })
        aborter.abort()
        await assert.rejects(sending, ABORTED)
        closeSync(fd)
        const next = openSync(secret!, 'r')
        assert.equal(next, fd, 'the number is used again')
        await other.recvBytes()
        const received = await other.recvHandle()
        assert.equal(readFileSync(received, 'utf8'), 'public')
        await first
        for (const open of [next, received]) closeSync(open)
        remove()
      }),
    )

    test(
      'a signal leaves no descriptor open: sent at once, later, never, or refused',
      withPair(way, async ({ one, other }) => {
        const { signal } = new AbortController()
        const fd = openSync('/dev/null', 'r')
        const count = (): number => openDescriptors().filter((line) => line.endsWith(' /dev/null')).length
        const before = count()
        await one.sendHandle(fd, { signal })
        closeSync(await other.recvHandle())
        assert.equal(count(), before)
        const sent = [one.sendBytes(Buffer.alloc(LARGE)), one.sendHandle(fd, { signal })]
        await other.recvBytes()
        closeSync(await other.recvHandle())
        await Promise.all(sent)
        assert.equal(count(), before)
        const stuck = [one.sendBytes(Buffer.alloc(LARGE)), one.sendHandle(fd, { signal })]
        const rejected = Promise.all(stuck.map((promise) => assert.rejects(promise, { code: 'ERR_INVALID_STATE' })))
        await one.close()
        await rejected
        assert.equal(count(), before)
        await assert.rejects(one.sendHandle(fd, { signal }), { code: 'ERR_INVALID_STATE' })
        await other.close()
        const [reader, gone] = await pipe()
        await gone.close()
        await assert.rejects(reader.sendHandle(fd, { signal }), { code: 'ERR_CONNECTION_CLOSED' })
        reader.end()
        await assert.rejects(reader.sendHandle(fd, { signal }), { code: 'ERR_INVALID_STATE' })
        await reader.close()
        assert.equal(count(), before)
        closeSync(fd)
        const [again, far] = await pipe()
        await assert.rejects(again.sendHandle(fd, { signal }), { code: 'ERR_RESOURCE', errno: 'EBADF' })
        await Promise.all([again.close(), far.close()])
      }),
    )
  })
}

describe('detach()', { skip: !addon }, () => {
  test('refuses while messages wait to be sent, and the connection stays as it is', async () => {
    const [one, other] = await pipe()
    const first = one.sendBytes(Buffer.alloc(LARGE, 1))
    assert.throws(() => one.detach(), { name: 'UsageError', code: 'ERR_INVALID_STATE', message: /await send\(\)/ })
    assert.equal(one.closed, false)
    const receiving = one.recv()
    assert.equal((await other.recvBytes()).length, LARGE)
    await first
    await Promise.all([one.send('still open'), other.send('and in this direction')])
    assert.equal(await other.recv(), 'still open')
    assert.equal(await receiving, 'and in this direction')
    const again = Connection.open(one.detach())
    await again.send('detached')
    assert.equal(await other.recv(), 'detached')
    await Promise.all([again.close(), other.close()])
  })

  test('sends what was collected in this turn', async () => {
    const [one, other] = await pipe()
    const sent = Array.from({ length: 100 }, (_, index) => one.send(index))
    closeSync(one.detach())
    await Promise.all(sent)
    for (let index = 0; index < 100; index++) assert.equal(await other.recv(), index)
    await assert.rejects(other.recv(), { code: 'ERR_CONNECTION_CLOSED' })
    await other.close()
  })
})
