// Runs in: owner. Makes sockets of node:net.
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net'

/**
 * node:net sets these in a copy of the options. On Node 20 V8 then makes a new hidden class for each socket, and no
 * function that reads the options knows it: 28 to 55 us for a socket, and 13 if they are there already.
 */
const SET_BY_NODE = { emitClose: false, autoDestroy: true, decodeStrings: false }

/** @param options those of net.Socket, with a descriptor, which is closed with the socket */
export function newSocket(options: SocketConstructorOpts & Partial<ConnectOpts> & { fd: number }): Socket {
  return new Socket({ allowHalfOpen: false, ...options, ...SET_BY_NODE } as SocketConstructorOpts)
}
