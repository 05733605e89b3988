// Runs in: owner. Publishes what happens: on the channels of node:diagnostics_channel, and as lines on stderr if
// NODE_DEBUG asks for them.
//
// Nothing is computed if nobody listens: each place that publishes asks isObserved() first.
import { type Channel, channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import { wallClock } from '../../platform/timers.js'
import { type ChannelName, type DiagnosticsChannels, LOG_SECTIONS } from './events.js'
import { logLine } from './log-line.js'

interface Outlet {
  /** Kept here: Node forgets a channel that nobody refers to. */
  readonly channel: Channel
  /** Node reads NODE_DEBUG once, when it starts. */
  readonly log: ((line: string) => void) | undefined
}

const outlets = Object.fromEntries(
  Object.entries(LOG_SECTIONS).map(([name, section]) => {
    const log = debuglog(section)
    return [name, { channel: channel(name), log: log.enabled ? (line: string) => log('%s', line) : undefined }]
  }),
) as Record<ChannelName, Outlet>

/** Whether anybody listens to this channel, or reads it in the log. */
export function isObserved(name: ChannelName): boolean {
  const { channel, log } = outlets[name]
  return channel.hasSubscribers || log !== undefined
}

/** Publishes an event. An error that a subscriber throws is an uncaught exception, as on every channel of Node. */
export function publish<N extends ChannelName>(name: N, event: DiagnosticsChannels[N]): void {
  const { channel, log } = outlets[name]
  log?.(logLine(name, event, new Date(wallClock.now())))
  channel.publish(event)
}
