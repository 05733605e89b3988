import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { context, SpanStatusCode, trace } from '@opentelemetry/api'

/**
 * Makes a span for each start of a template, each process, and each chunk of tasks of a pool.
 * Returns a function that stops this.
 */
export function traceForkserver(tracer = trace.getTracer('forkserver')) {
  const callers = new WeakMap() // the context in which a pool was called, so that its tasks belong to the caller's span
  const started = new Map() // what is known about each process that runs

  // An event comes when the time that it measures is over.
  function span(name, { durationMs, error, parent, attributes }) {
    const end = performance.timeOrigin + performance.now() // with whole milliseconds, short spans would change places
    const made = tracer.startSpan(name, { startTime: end - durationMs, attributes }, parent)
    if (error !== undefined) {
      made.recordException(error)
      made.setStatus({ code: SpanStatusCode.ERROR, message: error?.message ?? String(error) }) // anything can be thrown
    }
    made.end(end)
  }

  const listeners = {
    'forkserver:template:start': ({ pid, preload, durationMs }) =>
      span('template start', { durationMs, attributes: { 'process.pid': pid, preload } }),
    'forkserver:template:fail': ({ preload, durationMs, error }) =>
      span('template start', { durationMs, error, attributes: { preload } }),

    'forkserver:process:start': (event) => started.set(event.id, { ...event, parent: context.active() }),
    'forkserver:process:exit': ({ id, pid, exitCode, signal, cpuMs, durationMs }) => {
      if (!started.has(id)) return // it was started before the tracing
      const { name, module, parent } = started.get(id)
      started.delete(id)
      const attributes = { 'process.pid': pid, 'code.file.path': module, 'forkserver.cpu_ms': cpuMs }
      const error = exitCode === 0 ? undefined : new Error(`ended with ${signal ?? `exit code ${exitCode}`}`)
      span(`process ${name ?? module}`, { durationMs, error, parent, attributes })
    },

    'forkserver:pool:call': ({ call }) => callers.set(call, context.active()),
    'forkserver:task:end': ({ call, pid, module, name, tasks, waitMs, durationMs, error }) => {
      const attributes = {
        'process.pid': pid,
        'code.file.path': module,
        'forkserver.tasks': tasks,
        'forkserver.wait_ms': waitMs,
      }
      span(`task ${name}`, { durationMs, error, parent: callers.get(call), attributes })
    },
  }
  for (const [channel, listener] of Object.entries(listeners)) subscribe(channel, listener)
  return () => {
    for (const [channel, listener] of Object.entries(listeners)) unsubscribe(channel, listener)
  }
}
