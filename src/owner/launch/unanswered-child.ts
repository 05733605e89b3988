// Runs in: owner. A start that failed because the template was lost. Nobody knows whether the child was forked. If it
// was, it must not run its job: the caller was told that the start failed, and may start another one.
import { clearTimeout, setTimeout } from '../../platform/timers.js'
import type { OwnChannel } from './own-channel.js'

/** A child that does not say in this time that it begins its job finds that nobody waits for it, in milliseconds. */
const BEGIN_LIMIT_MS = 2_000

/**
 * Ends such a child. A lost template has no copy of the child's end of the job channel any more, so the channel ends at
 * once if there is no child. A child that begins its job says so first, and with which pid (`begun`). One that cannot
 * say so, because the channel is closed by then, leaves.
 */
export function endUnansweredChild(channel: OwnChannel): void {
  const { socket, reader } = channel
  const limit = setTimeout(() => socket.destroy(), BEGIN_LIMIT_MS).unref()
  socket.unref()
  reader.listen({
    onMessage: (message) => {
      if (message.kind !== 'begun') return
      channel.signal(message.pid, 'SIGKILL')
      socket.destroy()
    },
    onBroken: () => {}, // the end follows
    onEnd: () => clearTimeout(limit),
  })
}
