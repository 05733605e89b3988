// Runs in: owner and child. The answer of a worker to a chunk: the values of its tasks, and the
// errors of those that threw. Pure.
import type { Buffer } from 'node:buffer'
import { ProtocolError } from '../../errors.js'
import { decodeThrown, type ThrownData } from '../values/thrown.js'

/** The error of a task: the number of its item, and the description of the error. */
export type Failure = readonly [item: number, thrown: ThrownData]

/** The tasks that an answer is for: items from `first` to `end`, without `end`. */
export interface AnswerRange {
  readonly first: number
  readonly end: number
}

/** The outcome of a task. */
export type Outcome = { value: unknown } | { error: unknown }

/** A decoded answer whose shape was checked. */
export class Answer {
  readonly #range: AnswerRange
  readonly #values: readonly unknown[]
  readonly #failures: ReadonlyMap<number, ThrownData>

  /**
   * @param decoded what decodeList() made of the body of a `results` message
   * @param isPlain whether that was JSON: then it has only the values
   * @throws ProtocolError ERR_PROTOCOL if this is no valid answer for these tasks
   */
  constructor(decoded: unknown, isPlain: boolean, range: AnswerRange) {
    const parts = isPlain ? [decoded, []] : decoded
    if (!Array.isArray(parts) || parts.length !== 2) throw violation()
    const [values, failures] = parts as unknown[]
    if (!Array.isArray(values) || values.length !== range.end - range.first) throw violation()
    if (!Array.isArray(failures) || !failures.every((one) => isFailure(one, range))) throw violation()
    this.#range = range
    this.#values = values
    this.#failures = new Map(failures as Failure[])
  }

  /**
   * The outcome of a task.
   *
   * @param item of the range
   * @param where names the worker in the stacks of errors
   * @throws ProtocolError ERR_PROTOCOL if the description of its error cannot be read
   */
  outcomeOf(item: number, where: string): Outcome {
    const thrown = this.#failures.get(item)
    if (thrown) return { error: decodeThrown(thrown, { ownerStack: undefined, where }) }
    return { value: this.#values[item - this.#range.first] }
  }
}

function isFailure(failure: unknown, { first, end }: AnswerRange): boolean {
  if (!Array.isArray(failure) || failure.length !== 2) return false
  const [item, thrown] = failure as unknown[]
  return Number.isInteger(item) && (item as number) >= first && (item as number) < end && typeof thrown === 'object'
}

function violation(): ProtocolError {
  return new ProtocolError('ERR_PROTOCOL', 'A worker has answered in a form that does not fit the tasks it was sent.')
}

/** What a worker sends as an answer. */
export interface EncodedAnswer {
  body: Buffer
  /** Large buffers of the values, in the order of their numbers in the body. */
  large: readonly Uint8Array[]
}
