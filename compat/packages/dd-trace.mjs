// Runs in: plain node, the template, a child. dd-trace traces without an agent.
export const load = () => import('dd-trace')
export const use = ({ default: ddTrace }) => {
  const tracer = ddTrace.init({ startupLogs: false, url: 'http://127.0.0.1:1', flushInterval: 0 })
  return tracer.trace('work', (span) => {
    span.setTag('a', 1)
    return `${tracer.scope().active() === span} ${span.context()._name}`
  })
}
