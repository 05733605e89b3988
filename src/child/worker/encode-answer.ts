// Runs in: child. Makes the answer to a chunk from the results of its tasks. There is exactly one answer for any
// results: a value may have getters that throw, or that return something else each time.
import { decodeValue, encodeValue } from '../../wire/values/clone.js'
import { encodeThrown, type ThrownData } from '../../wire/values/thrown.js'
import type { EncodedAnswer } from '../../wire/worker/answer.js'
import { encodePlain } from '../../wire/worker/plain-list.js'

/** The results of a chunk's tasks. */
export interface TaskResults {
  readonly first: number
  /** One for each task; undefined for those that threw. */
  readonly values: unknown[]
  readonly failures: [item: number, thrown: ThrownData][]
}

/** Notes that a task threw. */
export function addFailure({ failures }: TaskResults, item: number, error: unknown): void {
  failures.push([item, encodeThrown(error)])
}

/** @param hasBlocks whether large buffers travel beside the answer */
export function encodeAnswer(results: TaskResults, hasBlocks: boolean): EncodedAnswer {
  const { values, failures } = results
  try {
    const plain = failures.length === 0 ? encodePlain(values) : undefined
    if (plain) return { body: plain, large: [] }
    const large: Uint8Array[] = []
    return { body: encodeValue([values, failures], 'results', hasBlocks ? large : undefined), large }
  } catch {
    return encodeOneByOne(results)
  }
}

/** At least one value cannot be cloned. The others are still delivered. */
function encodeOneByOne(results: TaskResults): EncodedAnswer {
  const { first, values, failures } = results
  for (const [index, value] of values.entries()) {
    try {
      // A copy, because reading the value again could give another one. V8 writes some values that it cannot read back.
      values[index] = decodeValue(encodeValue(value, 'result'))
    } catch (error) {
      values[index] = undefined
      addFailure(results, first + index, error)
    }
  }
  try {
    return { body: encodeValue([values, failures], 'results'), large: [] }
  } catch (error) {
    return refuseAll(first, values.length, error) // each can be sent alone, but not all together
  }
}

function refuseAll(first: number, count: number, error: unknown): EncodedAnswer {
  const thrown = encodeThrown(error)
  const failures = Array.from({ length: count }, (_, index) => [first + index, thrown])
  return { body: encodeValue([new Array(count).fill(undefined), failures], 'results'), large: [] }
}
