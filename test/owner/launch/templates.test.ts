// Runs in: the test runner. Which template serves, and which are stale, with templates that are none.
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { ControlConnection } from '#src/owner/launch/control-connection.js'
import type { Lifeline } from '#src/owner/launch/lifeline.js'
import type { TemplateProcess } from '#src/owner/launch/template-process.js'
import { type Connector, type TemplateState, Templates } from '#src/owner/launch/templates.js'

/** One that can be lost. */
class FakeConnection {
  isLost = false
  isGivenUp = false
  isClosed = false
  readonly idle = Promise.resolve()
  #onLost = (): void => {}

  onLost(callback: () => void): void {
    this.#onLost = callback
  }

  lose(): void {
    this.isLost = true
    this.#onLost()
  }

  async detach(): Promise<number> {
    return 0
  }

  async fate(): Promise<string> {
    return 'is gone'
  }

  close(): void {
    this.isClosed = true
  }
}

interface Fake {
  connection: FakeConnection
  kills: number
  state: TemplateState
}

describe('Templates', () => {
  let started: Fake[]
  let templates: Templates
  /** Whether the next one is lost before it serves. */
  let isStillborn: boolean

  beforeEach(() => {
    started = []
    isStillborn = false
    const connect: Connector = async () => {
      const connection = new FakeConnection()
      if (isStillborn) connection.lose()
      const kill = (): void => void fake.kills++
      const none = { env: undefined, cwd: undefined, identity: undefined, hasAddress: false }
      const process = { kill, ref() {}, unref() {}, ended: Promise.resolve('ended') } as unknown as TemplateProcess
      const state = { connection: connection as unknown as ControlConnection, process, ...none }
      const fake: Fake = { connection, kills: 0, state }
      started.push(fake)
      return state
    }
    templates = new Templates(connect, { readEnd: 0, isCut: false } as Lifeline, 1_000, () => {})
  })

  test('one that is lost at once does not take over, and is killed; then all goes on', async () => {
    const first = await templates.ready()
    isStillborn = true
    await assert.rejects(templates.restart(), { code: 'ERR_TEMPLATE_LOST' })
    assert.deepEqual([started[1]!.kills, started[1]!.connection.isClosed], [1, true])
    assert.equal(await templates.ready(), first)
    assert.equal(templates.serving, first)
    isStillborn = false
    started[0]!.connection.lose()
    assert.equal(await templates.ready(), started[2]!.state, 'the loss of the one that serves is noticed')
    await templates.close()
  })

  test('the first one is lost at once: the next call starts another one', async () => {
    isStillborn = true
    await assert.rejects(templates.ready(), { code: 'ERR_TEMPLATE_LOST' })
    isStillborn = false
    assert.equal(await templates.ready(), started[1]!.state)
    await templates.close()
  })

  test('those before a restart are stale, also one that was lost before it', async () => {
    const lost = await templates.ready()
    started[0]!.connection.lose()
    const replaced = await templates.ready()
    assert.deepEqual([templates.isStale(lost), templates.isStale(replaced)], [false, false])
    await templates.restart()
    const serving = await templates.ready()
    assert.deepEqual(
      [lost, replaced, serving].map((state) => templates.isStale(state)),
      [true, true, false],
    )
    templates.outdate()
    assert.equal(templates.isStale(serving), true)
    await templates.close()
  })

  test('a restart that fails makes none stale', async () => {
    const first = await templates.ready()
    isStillborn = true
    await assert.rejects(templates.restart())
    assert.equal(templates.isStale(first), false)
    await templates.close()
  })
})
