// Runs in: the test runner. Pipes that a child shares with others: libuv makes them non-blocking for all who share
// them, so a child has to undo that however it ends. An owner that then writes with writeSync() would get EAGAIN in the
// middle of its output.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Process, remote } from 'forkserver'
import { check, native } from '#src/platform/native.js'
import { SIGNALS, WAYS_OUT, type WayOut } from '../fixtures/contract/touches.js'
import { until } from '../support/leaks.js'
import { contract, read } from './contract.js'

const touches = remote<typeof import('../fixtures/contract/touches.js')>(
  new URL('../fixtures/contract/touches.js', import.meta.url),
)
const O_NONBLOCK = 0o4000

/** Whether an open file of this process is non-blocking, for all who share it. */
function isNonBlocking(fd: number): boolean {
  const [, flags] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))!
  return (Number.parseInt(flags!, 8) & O_NONBLOCK) !== 0
}

class Pipe {
  readonly reader: number
  readonly writer: number

  constructor() {
    const ends = new Int32Array(2)
    check('pipe', native().pipe(ends))
    this.reader = ends[0]!
    this.writer = ends[1]!
  }

  close(): void {
    for (const fd of [this.reader, this.writer]) native().close(fd)
  }
}

contract(
  'pipes that a child shares',
  (site) => {
    for (const way of Object.keys(WAYS_OUT) as WayOut[]) {
      test(`are left as they were: it ${way}`, async () => {
        const input = new Pipe()
        const output = new Pipe()
        try {
          const stdio = [input.reader, output.writer, output.writer]
          const p = await new Process(touches.touchAndEnd, [way], { server: site.server, stdio }).start()
          p.result.catch(() => {})
          const signal = SIGNALS[way]
          if (signal) {
            assert.ok(await until(() => isNonBlocking(output.writer)), 'the child has changed them')
            p.kill(signal)
          }
          await p.join()
          assert.deepEqual([isNonBlocking(input.reader), isNonBlocking(output.writer)], [false, false])
        } finally {
          input.close()
          output.close()
        }
      })
    }

    test('are left as they were by several at a time, in whatever order they come and go', async () => {
      const start = async (writer: number): Promise<Process<typeof touches.touchAndWait>> => {
        const options = { server: site.server, stdio: ['pipe', writer, 'pipe'] as const }
        const child = await new Process(touches.touchAndWait, [], options).start()
        await once(child.stderr!, 'data') // it has written to both
        return child
      }
      const end = async (child: Process<typeof touches.touchAndWait>): Promise<void> => {
        child.stdin!.end()
        await child.join()
      }
      const output = new Pipe()
      try {
        const first = await start(output.writer)
        const second = await start(output.writer)
        await end(first)
        const third = await start(output.writer)
        await end(third)
        await end(second)
        assert.equal(isNonBlocking(output.writer), false)
      } finally {
        output.close()
      }
    })

    test('stay non-blocking if the owner reads from them', {
      skip: site.way.name === 'spawn' && 'plain Node makes the stdin of each process that it starts blocking',
    }, async () => {
      const options = { server: site.server, stdio: ['pipe', 'pipe', 'ignore'] as const }
      const writer = await new Process(touches.touchAndWait, [], options).start()
      const { fd } = (writer.stdout as unknown as { _handle: { fd: number } })._handle
      assert.equal(isNonBlocking(fd), true)
      const stdio = [writer.stdout!, 'ignore', 'ignore'] as const
      const reader = await new Process(touches.touchAndEnd, ['exits'], { server: site.server, stdio }).start()
      reader.result.catch(() => {})
      await reader.join()
      assert.equal(isNonBlocking(fd), true)
      writer.stdin!.end()
      await Promise.all([read(writer.stdout), writer.join()])
    })
  },
  { preload: [touches.module] },
)
