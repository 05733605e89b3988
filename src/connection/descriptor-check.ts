// Runs in: owner and child. Checks that a descriptor can become a connection.
import { fstatSync } from 'node:fs'
import { UsageError } from '../errors.js'

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch {
    return false // it is not open
  }
}

/**
 * A descriptor that the process did not inherit may belong to Node itself: 3 is often the epoll descriptor of its event
 * loop. A connection would close it, and Node would abort.
 *
 * @throws UsageError ERR_INVALID_ARGUMENT
 */
export function checkSocket(fd: unknown): asserts fd is number {
  if (!Number.isInteger(fd) || (fd as number) < 0) {
    throw new UsageError('ERR_INVALID_ARGUMENT', `Connection.open() takes a file descriptor, not ${String(fd)}.`)
  }
  if (isSocket(fd as number)) return
  const advice =
    'Pass a connected unix stream socket, for example the `fd` of an end of pipe(), in `stdio` of the spawn.'
  throw new UsageError('ERR_INVALID_ARGUMENT', `Connection.open(): the descriptor ${fd} is not a socket. ${advice}`)
}
