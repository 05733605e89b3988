// Runs in: forked child. What the program wrote to stdout and stderr and a slow reader has not taken yet, when it ends by process.exit() or in
// its 'exit' listeners. Plain Node drops that.
import { Buffer } from 'node:buffer' // a program may delete the global one
import type { Native } from '../platform/native.js'

/** So long a reader may read nothing, in milliseconds, until it is taken for one that never will: the process must end. */
const PATIENCE_MS = 5_000

interface Waiting {
  chunk: string | Uint8Array
  encoding: BufferEncoding
}

/** What of `process` it needs. */
export type WritingProcess = Record<'stdout' | 'stderr', { _writableState?: { getBuffer?(): Waiting[] } }>

/** Writes it. Nothing else must be written by these streams afterwards. */
export function flushOutput(native: Pick<Native, 'flushStream' | 'writeOut'>, self: WritingProcess): void {
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const) {
    // What libuv has comes first. Where it has nothing, the stream has nothing either, and is not made just to be asked.
    if (native.flushStream(fd, PATIENCE_MS) <= 0) continue
    for (const { chunk, encoding } of self[name]._writableState?.getBuffer?.() ?? []) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
      if (native.writeOut(fd, bytes, PATIENCE_MS) < 0) break
    }
  }
}
