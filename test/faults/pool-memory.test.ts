// Runs in: the test runner. The memory that a worker shares with its pool goes to another worker only if the process
// has certainly ended.
import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { test } from 'node:test'
import { ForkServer, ResourceError } from 'forkserver'
import type { Exit } from '#src/owner/launch/exit.js'
import { WorkerProcess } from '#src/owner/pool/worker-process.js'
import { native } from '#src/platform/native.js'
import { Memories, type SharedMemory } from '#src/worker-channel/worker-memory.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

/** What is given back: whether it may be used again, and whether its process is alive. */
class Watched extends Memories {
  readonly returned: { isReusable: boolean; isAlive: boolean }[] = []
  isAlive = (): boolean => true

  override giveBack(memory: SharedMemory, { isUsedUp }: { isUsedUp: boolean }): void {
    this.returned.push({ isReusable: !isUsedUp, isAlive: this.isAlive() })
    super.giveBack(memory, { isUsedUp: true })
  }
}

/** Memories whose event cannot be watched. */
class Unwatchable extends Watched {
  override take(): SharedMemory {
    const memory = super.take()
    native().close(memory.ownerEvent)
    return { ...memory, ownerEvent: openSync('/dev/null', 'r+') }
  }
}

interface Started {
  worker: WorkerProcess
  ready: Promise<void>
  over: Promise<{ reason: Error | undefined; exit: Exit | undefined }>
}

function start(server: ForkServer, memories: Watched): Started {
  const setup = {
    server,
    streams: 'ignore',
    startTimeout: 60_000,
    teardownTimeout: 3_000,
    setup: { initArgs: [] },
  } as const
  let tellReady = (): void => {}
  const ready = new Promise<void>((resolve) => (tellReady = resolve))
  let worker: WorkerProcess | undefined
  const over: Started['over'] = new Promise((resolve) => {
    worker = new WorkerProcess(1, setup, {
      onLink: () => {},
      onServerClosed: () => {},
      onStale: () => {},
      onWritten: () => {},
      onMessage: () => tellReady(),
      onFailure: () => {},
      onGone: () => {},
      onOver: (reason, exit) => resolve({ reason, exit }),
    })
  })
  memories.isAlive = () => worker!.pid === undefined || isAlive(worker!.pid)
  worker!.start(memories)
  return { worker: worker!, ready, over }
}

test('a worker whose channel cannot be made is killed before another one gets its memory', async () => {
  await using server = await ForkServer.start()
  const memories = new Unwatchable(native())
  const { reason, exit } = await start(server, memories).over
  assert.ok(reason instanceof ResourceError, String(reason))
  assert.equal(exit?.signal, 'SIGKILL')
  assert.ok(await until(() => memories.returned.length > 0))
  assert.deepEqual(memories.returned, [{ isReusable: true, isAlive: false }])
})

test('nobody gets the memory of a worker whose end nobody has seen', async () => {
  await using server = await ForkServer.start()
  const memories = new Watched(native())
  const { worker, ready, over } = start(server, memories)
  await ready
  process.kill(server.pid!, 'SIGKILL')
  process.kill(worker.pid!, 'SIGKILL')
  const { exit } = await over
  assert.equal(exit, undefined)
  assert.ok(await until(() => memories.returned.length > 0))
  assert.equal(memories.returned[0]!.isReusable, false)
})
