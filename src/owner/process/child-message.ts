// Runs in: owner. Applies a message of a child to the outcome of its process.
import { resourceError } from '../../platform/native.js'
import type { ChildMessage } from '../../wire/job.js'
import { decodeValue } from '../../wire/values/clone.js'
import { type DecodeThrownOptions, decodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { Outcome } from './outcome.js'

/**
 * @param site returns the stack of start(); called only if the message is an error
 * @throws the errors of decoding, if the child broke the protocol
 */
export function noteMessage(message: ChildMessage, outcome: Outcome, site: () => DecodeThrownOptions): void {
  switch (message.kind) {
    case 'result':
      return outcome.answered({ value: decodeValue(message.value) })
    case 'thrown':
      return outcome.answered({ error: decodeThrown(decodeValue(message.value) as ThrownData, site()) })
    case 'leaving':
      return outcome.leaving(message.exitCode)
    case 'modules':
      return outcome.loaded(message.modules)
    case 'begun':
    case 'worker':
      return // matters to the start method, or to a pool
    case 'unborn':
      return outcome.answered({ error: resourceError('fork', message.errno) })
  }
}
