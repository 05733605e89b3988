// Runs in: owner. Pure. One event as a line of text, for NODE_DEBUG=forkserver.

const TIME_AT = '2026-01-31T'.length

function textOf(value: unknown): string | undefined {
  if (value instanceof Error) {
    const { code } = value as NodeJS.ErrnoException
    return JSON.stringify(code === undefined ? `${value.name}: ${value.message}` : `${code}: ${value.message}`)
  }
  if (typeof value === 'number') return String(Math.round(value * 10) / 10)
  if (typeof value === 'string') return /^[\w./:#-]+$/.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(textOf).join(' ')}]`
  return typeof value === 'boolean' ? String(value) : undefined
}

/**
 * The line of an event: the time (UTC), the name of its channel, and its fields. Fields without a value and objects are
 * left out.
 */
export function logLine(channel: string, event: object, now: Date): string {
  const fields = Object.entries(event).flatMap(([name, value]) => {
    const text = textOf(value)
    return text === undefined ? [] : [`${name}=${text}`]
  })
  const time = now.toISOString().slice(TIME_AT, -1)
  return [time, channel.replace(/^forkserver:/, ''), ...fields].join(' ')
}
