// Runs in: owner. What a message of a child means for the outcome of its process.
import { resourceError } from '../../platform/native.js'
import type { ChildMessage } from '../../wire/job.js'
import { decodeValue } from '../../wire/values/clone.js'
import { type DecodeThrownOptions, decodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { Outcome } from './outcome.js'

/**
 * @param site for the stacks of errors: asked when one comes
 * @throws what decoding throws: the child sent what it must not send
 */
export function noteMessage(message: ChildMessage, outcome: Outcome, site: () => DecodeThrownOptions): void {
  switch (message.kind) {
    case 'result':
      return outcome.answered({ value: decodeValue(message.value) })
    case 'thrown':
      return outcome.answered({ error: decodeThrown(decodeValue(message.value) as ThrownData, site()) })
    case 'leaving':
      return outcome.leaving(message.exitCode)
    case 'unborn':
      return outcome.answered({ error: resourceError('fork', message.errno) })
  }
}
