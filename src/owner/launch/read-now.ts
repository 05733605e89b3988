// Runs in: owner. Reads a socket while the event loop stands still.
import { isErrno, type Native, POLLIN, RECEIVED_DESCRIPTORS } from '../../platform/native.js'

/** What one read takes, in bytes. */
const MAX_READ = 4096

/**
 * Waits until something comes, and reads it.
 *
 * @param timeoutMs how long, in milliseconds
 * @returns the bytes; none if nothing came; null at the end of the socket, which its stream sees, too
 */
export function readNow(native: Native, fd: number, timeoutMs: number): Buffer | null {
  const bytes = Buffer.allocUnsafe(MAX_READ)
  if (native.poll(Int32Array.of(fd, POLLIN, 0), 1, timeoutMs) <= 0) return bytes.subarray(0, 0) // or EINTR
  const length = native.receive(fd, bytes, new Int32Array(RECEIVED_DESCRIPTORS))
  if (isErrno(length, 'EAGAIN')) return bytes.subarray(0, 0)
  return length > 0 ? bytes.subarray(0, length) : null
}
