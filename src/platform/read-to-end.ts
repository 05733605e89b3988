// Runs in: owner. Sockets of node:net, made to be read to their end.
import type { Socket } from 'node:net'

/**
 * Lets a socket be read to its end though a write fails. A peer that says its last word and closes makes the next
 * write fail with EPIPE, and node:net then destroys the socket with that word unread. A failed write here fails in
 * silence: the end of the reading side follows, and tells.
 */
export function readToTheEnd(socket: Socket): Socket {
  const { _write: write, _writev: writev } = socket
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, () => done())
  socket._writev = (chunks, done) => writev!.call(socket, chunks, () => done())
  return socket
}
