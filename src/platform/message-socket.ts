// Runs in: owner. Sockets on which short messages come.
import type { Socket } from 'node:net'
import { newSocket } from './new-socket.js'
import { readToTheEnd } from './read-to-end.js'

/**
 * What comes on any of these sockets is read into this memory, and copied from there. A stream would take 64 KiB for
 * each message, which costs a tenth of the owner's work for a process.
 */
const INCOMING = Buffer.allocUnsafeSlow(64 * 1024)

/**
 * Makes a socket that is read to its end, as readToTheEnd() says.
 *
 * @param fd is closed with the socket
 * @param onData takes what comes, in place of the event 'data'
 */
export function messageSocket(
  fd: number,
  onData: (chunk: Buffer) => void,
  { allowHalfOpen = false }: { allowHalfOpen?: boolean } = {},
): Socket {
  const callback = (length: number, bytes: Uint8Array): true => {
    onData(Buffer.from(bytes.subarray(0, length)))
    return true
  }
  const onread = { buffer: INCOMING, callback }
  return readToTheEnd(newSocket({ fd, readable: true, writable: true, allowHalfOpen, onread }))
}
