import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { ForkServer, Pool, Process, remote } from 'forkserver'
import { traceForkserver } from './tracing.js'
import { treeOf } from './tree.js'

const jobs = remote(new URL('./jobs.js', import.meta.url))
const exporter = new InMemorySpanExporter()
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
const tracer = trace.getTracer('test')

let server
before(async () => {
  server = await ForkServer.start({ preload: [jobs.module] })
})
after(() => server.close())
beforeEach(() => exporter.reset())

/** Runs work in a span, and returns the tree of all spans. */
async function traced(work) {
  await tracer.startActiveSpan('caller', async (span) => {
    await work()
    span.end()
  })
  return treeOf(exporter.getFinishedSpans())
}

test('tasks belong to the span of their own caller', async (t) => {
  t.after(traceForkserver())
  const pool = new Pool({ server, processes: 1 })
  await pool.run(jobs.square, [1]) // nobody's span
  const tree = await traced(async () => {
    await pool.run(jobs.square, [2])
    await pool.run(jobs.fail, []).catch(() => {})
  })
  assert.equal(tree, 'task square\ncaller\n  task square\n  task fail: out of range')
  const [first] = exporter.getFinishedSpans()
  assert.equal(first.attributes['code.file.path'], jobs.module)
  assert.equal(first.attributes['forkserver.tasks'], 1)
  await pool.terminate()
  await pool.join()
})

test('a process has a span, with how it ended', async (t) => {
  t.after(traceForkserver())
  const tree = await traced(async () => {
    for (const [job, args] of [
      [jobs.square, [3]],
      [jobs.crash, []],
    ]) {
      const child = await new Process(job, args, { server }).start()
      await child.join()
    }
  })
  assert.equal(tree, 'caller\n  process square\n  process crash: ended with SIGSEGV')
})

test('a start that fails is a span with the error', async (t) => {
  t.after(traceForkserver())
  const missing = new URL('./missing.js', import.meta.url)
  const tree = await traced(() =>
    assert.rejects(ForkServer.start({ preload: [missing] }), { code: 'ERR_PRELOAD_FAILED' }),
  )
  assert.match(tree, /^ {2}template start: .*missing\.js/m)
})

test('processes that were started before the tracing have no span', async () => {
  const child = await new Process(jobs.square, [3], { server }).start()
  const stop = traceForkserver()
  await child.join()
  stop()
  await new Process(jobs.square, [3], { server }).start().then((other) => other.join())
  assert.deepEqual(exporter.getFinishedSpans(), [])
})
