// Runs in: the test runner. What tasks write: each byte with the task that wrote it, or to nobody.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect, poolContract, range, tasks } from './pool-tools.js'

type Heard = Map<number, { stdout: string; stderr: string }>

/** Collects what is written, by item. */
function listen(): { heard: Heard; onOutput: (bytes: Buffer, stream: 'stdout' | 'stderr', item: number) => void } {
  const heard: Heard = new Map()
  const onOutput = (bytes: Buffer, stream: 'stdout' | 'stderr', item: number): void => {
    const both = heard.get(item) ?? { stdout: '', stderr: '' }
    both[stream] += bytes.toString()
    heard.set(item, both)
  }
  return { heard, onOutput }
}

poolContract('captured output', (site) => {
  test('is told with its task, of Node, of write(2) and of programs that the task starts', async () => {
    await using pool = site.open({ stdio: 'capture' })
    const { heard, onOutput } = listen()
    const texts = ['one', 'two', 'three', 'four', 'five']
    assert.deepEqual(await collect(pool.imap(tasks.write, texts, { chunkSize: 2, onOutput })), texts)
    for (const [item, text] of texts.entries())
      assert.deepEqual(heard.get(item), {
        stdout: `${text} log\n${text} write\n${text} echo\n`,
        stderr: `${text} error\n`,
      })
  })

  test('comes before the result, also of a task that fails, and of one that dies', async () => {
    await using pool = site.open({ stdio: 'capture', processes: 1 })
    const { heard, onOutput } = listen()
    await assert.rejects(pool.run(tasks.writeAndFail, ['failed'], { onOutput }), { message: 'failed' })
    assert.deepEqual(heard.get(0), { stdout: 'failed', stderr: '' })
    heard.clear()
    await assert.rejects(pool.run(tasks.writeAndDie, ['last words'], { onOutput }), { code: 'ERR_CHILD_DIED' })
    assert.deepEqual(heard.get(0), { stdout: '', stderr: 'last words' })
  })

  test('nothing waits for a reader, and nothing is lost', async () => {
    await using pool = site.open({ stdio: 'capture' })
    let bytes = 0
    const onOutput = (part: Buffer): void => {
      bytes += part.length
    }
    const size = 3 * 2 ** 20 + 1
    await pool.map(
      tasks.writeMuch,
      range(6).map(() => size),
      { onOutput },
    )
    assert.equal(bytes, 6 * size)
  })

  test('what no call takes is an event', async () => {
    await using pool = site.open({ stdio: 'capture', processes: 1, initializer: tasks.sayHello })
    const heard: string[] = []
    pool.on('output', (bytes, stream, { id, pid }) => heard.push(`${bytes} ${stream} ${id} ${pid}`))
    const first = await pool.run(tasks.pid, [])
    await pool.run(tasks.writeLater, ['late', 1])
    while (!heard.join().includes('late')) await pool.run(tasks.later, [0, 2])
    assert.deepEqual(heard, [`hello\n stdout 1 ${first}`, `late stdout 1 ${first}`])
  })

  test('of a listener that throws, no task knows', async () => {
    await using pool = site.open({ stdio: 'capture', processes: 1 })
    const error = new Error('of the listener')
    const caught: unknown[] = []
    process.setUncaughtExceptionCaptureCallback((thrown) => caught.push(thrown))
    try {
      const onOutput = (): void => {
        throw error
      }
      assert.equal(await pool.run(tasks.write, ['x'], { onOutput }), 'x')
      await new Promise(setImmediate)
    } finally {
      process.setUncaughtExceptionCaptureCallback(null)
    }
    assert.ok(caught.length >= 2, 'once for each part of each stream')
    assert.ok(caught.every((one) => one === error))
  })
})
