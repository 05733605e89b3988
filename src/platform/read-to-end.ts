// Runs in: owner. Sockets of node:net, made to be read to their end.
import type { Socket } from 'node:net'

/**
 * Lets a socket be read to its end even if a write fails. If a peer sends its last message and closes, the next write
 * fails with EPIPE, and node:net then destroys the socket before that message is read. Here a failed write reports
 * nothing, because the end of the reading side follows.
 */
export function readToTheEnd(socket: Socket): Socket {
  const { _write: write, _writev: writev } = socket
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, () => done())
  socket._writev = (chunks, done) => writev!.call(socket, chunks, () => done())
  return socket
}
