// Runs in: forked child. Writes the output that stdout and stderr still hold when the process ends by process.exit() or
// in an 'exit' listener. If the reader of a pipe is slow, plain Node drops that output.
import { Buffer } from 'node:buffer' // a program may delete the global one
import type { Native } from '../platform/native.js'

/**
 * If a reader takes nothing for this long, in milliseconds, the rest of the output is dropped: the process must end.
 */
const READER_TIMEOUT_MS = 5_000

interface Waiting {
  chunk: string | Uint8Array
  encoding: BufferEncoding
}

/** The members of `process` that are used here. */
export type WritingProcess = Record<'stdout' | 'stderr', { _writableState?: { getBuffer?(): Waiting[] } }>

/** Writes the output that both streams hold. They must not be used afterwards. */
export function flushOutput(native: Pick<Native, 'flushStream' | 'writeOut'>, self: WritingProcess): void {
  for (const [fd, name] of [
    [1, 'stdout'],
    [2, 'stderr'],
  ] as const) {
    // First the output that libuv holds. If there is none, the stream holds none either, and may not even exist.
    if (native.flushStream(fd, READER_TIMEOUT_MS) <= 0) continue
    for (const { chunk, encoding } of self[name]._writableState?.getBuffer?.() ?? []) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
      if (native.writeOut(fd, bytes, READER_TIMEOUT_MS) < 0) break
    }
  }
}
