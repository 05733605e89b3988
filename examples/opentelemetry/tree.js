import { SpanStatusCode } from '@opentelemetry/api'

const isBefore = (one, other) => one.startTime[0] - other.startTime[0] || one.startTime[1] - other.startTime[1]

/** Spans as lines, each under its parent. */
export function treeOf(spans, parent = undefined, depth = 0) {
  return spans
    .filter(({ parentSpanContext }) => parentSpanContext?.spanId === parent)
    .sort(isBefore)
    .flatMap((span) => {
      const { code, message } = span.status
      const line = `${'  '.repeat(depth)}${span.name}${code === SpanStatusCode.ERROR ? `: ${message}` : ''}`
      const inner = treeOf(spans, span.spanContext().spanId, depth + 1)
      return inner ? [line, inner] : [line]
    })
    .join('\n')
}
