// Runs in: owner. What a child says on its job channel, and what becomes of it in the books of its process (outcome.ts).
import type { Socket } from 'node:net'
import { resourceError } from '../../platform/native.js'
import { FrameDecoder, MAX_OWN_PAYLOAD } from '../../wire/frames.js'
import { decodeChildMessage } from '../../wire/job.js'
import { decodeValue } from '../../wire/values/clone.js'
import { type DecodeThrownOptions, decodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { Outcome } from './outcome.js'

/** Who wants to know. */
export interface HearingListener {
  /** For the stacks of errors: asked when one comes. */
  site(): DecodeThrownOptions
  /** The child broke the protocol. */
  onFailure(): void
  /** There is something new in the books. */
  onNews(): void
}

/** Follows a job channel until its end. */
export function hear(channel: Socket, outcome: Outcome, listener: HearingListener): void {
  const decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD })
  channel.on('data', (chunk: Buffer) => {
    try {
      for (const payload of decoder.push(chunk)) note(payload, outcome, listener)
    } catch (error) {
      outcome.answered({ error })
      channel.destroy()
      listener.onFailure()
    }
    listener.onNews()
  })
  channel.on('error', () => {}) // ECONNRESET: the child ended before it read its job; its exit tells
  channel.on('end', () => channel.destroy())
  channel.on('close', () => {
    outcome.channelEnded()
    listener.onNews()
  })
}

function note(payload: Buffer, outcome: Outcome, { site }: HearingListener): void {
  const message = decodeChildMessage(payload)
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
