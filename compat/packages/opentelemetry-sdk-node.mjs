// Runs in: plain node, the template, a child. OpenTelemetry's SDK for Node starts, measures and stops.
export const load = async () => ({
  ...(await import('@opentelemetry/sdk-node')),
  ...(await import('@opentelemetry/sdk-trace-node')),
})
export const use = async ({ NodeSDK, InMemorySpanExporter, SimpleSpanProcessor, api }) => {
  const exporter = new InMemorySpanExporter()
  const sdk = new NodeSDK({ spanProcessors: [new SimpleSpanProcessor(exporter)], instrumentations: [] })
  sdk.start()
  api.trace.getTracer('t').startActiveSpan('work', (span) => span.setAttribute('a', 1).end())
  const spans = exporter.getFinishedSpans().map(({ name, attributes }) => ({ name, attributes }))
  await sdk.shutdown()
  api.trace.disable()
  api.context.disable()
  api.propagation.disable()
  return JSON.stringify(spans)
}
