// Runs in: owner. Publishes that a template has refused clients.
import type { ControlMessage } from '../../wire/control-messages.js'
import { REFUSALS } from '../../wire/refusal-reasons.js'
import { isObserved, publish } from '../diagnostics/publish.js'

/** The template has sent `refused`. */
export function clientsRefused(pid: number, { reason, uid, peer, count }: ControlMessage<'refused'>): void {
  if (!isObserved('forkserver:client:refused')) return
  publish('forkserver:client:refused', { pid, reason: REFUSALS[reason]!, clientPid: peer, clientUid: uid, count })
}
