// Runs in: owner. A start that failed because the template was lost. Nobody knows whether the child was forked. If it
// was, it must not run its job: the caller was told that the start failed, and may start another one.
import type { Socket } from 'node:net'
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import type { JobChannelReader } from './job-channel-reader.js'

/** A child that does not say in this time that it begins its job finds that nobody waits for it, in milliseconds. */
const BEGIN_LIMIT_MS = 2_000

/**
 * Ends such a child. A lost template has no copy of the child's end of the job channel any more, so the channel ends at
 * once if there is no child. A child that begins its job says so first, and with which pid (`begun`). One that cannot
 * say so, because the channel is closed by then, leaves.
 *
 * @param kill is called with that pid while the channel is open
 */
export function endUnansweredChild(channel: Socket, reader: JobChannelReader, kill: (pid: number) => void): void {
  const limit = setTimeout(() => channel.destroy(), BEGIN_LIMIT_MS).unref()
  channel.unref()
  reader.listen({
    onMessage: (message) => {
      if (message.kind !== 'begun') return
      kill(message.pid)
      channel.destroy()
    },
    onBroken: () => {}, // the end follows
    onEnd: () => clearTimeout(limit),
  })
}
