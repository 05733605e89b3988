// Runs in: the test runner. A listening socket goes from one template to the next, also if several follow in quick
// succession: there is always one that listens, or waits for the name.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { socketPair } from '#src/owner/launch/child-stdio.js'
import { findNative } from '#src/platform/native.js'
import { Listener } from '#src/template/control-listener.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const found = findNative()
assert.ok('native' in found)
const { native } = found
const folder = mkdtempSync(path.join(os.tmpdir(), 'fs-listener-'))
after(() => rmSync(folder, { recursive: true }))

describe('Listener', () => {
  let files = 0

  /** One after the other, and the ends of what each but the first one inherits through. */
  function line(count: number): { listeners: Listener[]; heirs: number[]; file: string } {
    const file = path.join(folder, String(files++))
    const address = { path: file }
    const first = new Listener(native, address, -1)
    assert.equal(first.listen(), 0)
    const pairs = Array.from({ length: count - 1 }, () => socketPair(native))
    const rest = pairs.map(([, inheritance]) => new Listener(native, address, inheritance))
    return { listeners: [first, ...rest], heirs: pairs.map(([heir]) => heir), file }
  }

  /** As the template does: the owner's message brings a descriptor, which it closes. */
  function handOver(listener: Listener, heir: number): void {
    listener.handOver(heir)
    native.close(heir)
  }

  function isServedBy(listener: Listener, file: string): boolean {
    const client = native.connect(Buffer.from(file), 0)
    if (client < 0) return false
    const served = listener.accept()
    native.close(client)
    if (served >= 0) native.close(served)
    return served >= 0
  }

  test('the next one takes the socket, and removes the file in the end', () => {
    const { listeners, heirs, file } = line(2)
    const [old, next] = listeners as [Listener, Listener]
    handOver(old, heirs[0]!)
    assert.equal(old.polled, -1)
    assert.equal(next.accept(), -1, 'it has taken the socket')
    assert.ok(isServedBy(next, file))
    old.remove()
    assert.ok(isServedBy(next, file), 'the name is not that of the old one')
    next.remove()
    assert.ok(native.connect(Buffer.from(file), 0) < 0)
  })

  test('one that still waits for the socket passes that on', () => {
    const { listeners, heirs, file } = line(3)
    const [slow, second, third] = listeners as [Listener, Listener, Listener]
    handOver(second, heirs[1]!)
    assert.equal(second.polled, -1)
    third.accept()
    handOver(slow, heirs[0]!)
    third.accept()
    assert.ok(isServedBy(third, file))
    for (const listener of listeners) listener.remove()
  })

  test('one that gets nothing listens as soon as the name is free', () => {
    const { listeners, heirs, file } = line(2)
    const [old, next] = listeners as [Listener, Listener]
    old.handOver(undefined) // the descriptor was lost
    native.close(heirs[0]!)
    next.accept()
    next.claimName(1_000)
    assert.ok(next.polled < 0 && next.restsUntil > 1_000)
    assert.ok(isServedBy(old, file), 'the old one still has the name')
    next.claimName(next.restsUntil)
    assert.ok(next.polled < 0)
    old.remove()
    next.claimName(next.restsUntil)
    assert.ok(next.polled >= 0)
    assert.ok(isServedBy(next, file))
    next.remove()
  })

  test('one that waits for the name leaves that to the next one', () => {
    const { listeners, heirs, file } = line(3)
    const [old, second, third] = listeners as [Listener, Listener, Listener]
    old.handOver(undefined)
    native.close(heirs[0]!)
    second.accept()
    second.claimName(1_000)
    handOver(second, heirs[1]!)
    third.accept()
    old.remove()
    second.claimName(9_000)
    assert.ok(second.polled < 0)
    third.claimName(9_000)
    assert.ok(isServedBy(third, file))
    third.remove()
  })
})
