// Runs in: owner. What the tasks of a worker fail with when it does not come up, or dies. Pure.

import { ChildError, ProtocolError, ResourceError } from '../../errors.js'
import { decodeValue } from '../../wire/values/clone.js'
import { decodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { Exit } from '../launch/exit.js'
import type { Chunk } from './chunk.js'

/** @param thrown what its initializer threw, as it came */
export function refusalOf(thrown: Uint8Array, pid: number | undefined): ChildError {
  const cause = decodeThrown(decodeValue(thrown) as ThrownData, { ownerStack: undefined, where: `worker ${pid}` })
  const text = `The initializer of worker ${pid} threw: ${(cause as Error)?.message ?? String(cause)}`
  return new ChildError('ERR_CHILD_DIED', text, { pid }, { cause })
}

/** @param chunk what it was at */
export function deathOf({ exitCode, signal }: Exit, pid: number | undefined, chunk: Chunk | undefined): ChildError {
  const how = signal ? `was ended by ${signal}` : `exited with ${exitCode}`
  const task = chunk ? ` while it ran ${chunk.call.reference.name}()` : ''
  return new ChildError('ERR_CHILD_DIED', `Worker ${pid} ${how}${task}.`, { pid, exitCode, signal })
}

/**
 * @param chunk that the worker does not have, or that is not the next one to be answered
 * @throws ProtocolError ERR_PROTOCOL, always
 */
export function wrongChunk(pid: number | undefined, chunk: number): never {
  const text = `Worker ${pid} speaks of a task of chunk ${chunk}, which it does not have now.`
  throw new ProtocolError('ERR_PROTOCOL', text)
}

/** Whether a worker's job failed because what the worker shares with its owner is broken. */
export function isBreach(error: unknown): error is Error {
  return error instanceof ProtocolError || error instanceof ResourceError
}
