// Only this process, the owner, loads OpenTelemetry: the template and its children stay as small as they are.
import { trace } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { ForkServer, Pool, Process, remote } from 'forkserver'
import { traceForkserver } from './tracing.js'
import { treeOf } from './tree.js'

const exporter = new InMemorySpanExporter() // in production: an exporter to your collector
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register()
const stop = traceForkserver()

const jobs = remote(new URL('./jobs.js', import.meta.url))
const server = await ForkServer.start({ preload: [jobs.module] })
const pool = new Pool({ server, processes: 1 })

await trace.getTracer('example').startActiveSpan('request', async (span) => {
  await pool.run(jobs.square, [7])
  await pool.run(jobs.fail, []).catch(() => {})
  const child = await new Process(jobs.crash, [], { server }).start()
  await child.join()
  span.end()
})
await pool.close()
await pool.join()
await server.close()
stop()

console.log(treeOf(exporter.getFinishedSpans()))
