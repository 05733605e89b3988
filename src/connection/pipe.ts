// Runs in: owner and child. Two connections that are connected to each other, like multiprocessing.Pipe().

import net from 'node:net'
import { ResourceError } from '../errors.js'
import { check, findNative, type Native } from '../platform/native.js'
import { Connection } from './connection.js'
import { checkPipe, type PipeOptions } from './connection-options.js'
import { NativeTransport } from './native-transport.js'
import { NetTransport } from './net-transport.js'
import type { Transport } from './transport.js'

function pairOf(native: Native): [Transport, Transport] {
  const ends = new Int32Array(2)
  check('socketpair', native.socketPair(ends))
  return [new NativeTransport(native, ends[0]!), new NativeTransport(native, ends[1]!)]
}

/**
 * Without the addon there is no socketpair(2). Instead, two TCP sockets connect over the loopback interface, and the
 * port is open for a moment. Each end checks the port of the other, so that a stranger who connects first is not
 * accepted.
 */
async function pairOverLoopback(): Promise<[Transport, Transport]> {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true })
  const strangers: net.Socket[] = []
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as net.AddressInfo
    const accepted = new Promise<net.Socket>((resolve) => {
      server.on('connection', (socket) => {
        strangers.push(socket)
        if (socket.remotePort === one.localPort) resolve(socket)
        else one.once('connect', () => socket.remotePort === one.localPort && resolve(socket))
      })
    })
    const one = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    await new Promise<void>((resolve, reject) => one.once('error', reject).once('connect', resolve))
    one.removeAllListeners('error')
    const other = await accepted
    for (const socket of strangers) if (socket !== other) socket.destroy()
    return [new NetTransport(one), new NetTransport(other)]
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException
    throw new ResourceError('ERR_RESOURCE', `pipe() failed with ${code}.`, { cause, errno: code, syscall })
  } finally {
    server.close()
  }
}

/**
 * Makes two connections that are connected to each other. You can pass the `fd` of one end to a process that you start.
 * As long as nothing was received on that end here, its descriptor is blocking, as other programs expect it.
 *
 * @param options `duplex: false` for one direction only: the first end receives, the second sends
 * @returns both ends
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION; ResourceError ERR_RESOURCE
 * @example
 * const [ours, theirs] = await pipe()
 * const child = spawn('python3', ['worker.py'], { stdio: ['inherit', 'inherit', 'inherit', theirs.fd] })
 * await theirs.close()      // the child has its own copy
 * await ours.send('hello')
 */
export function pipe<T = unknown>(options?: PipeOptions<T>): Promise<[Connection<T>, Connection<T>]> {
  const found = findNative()
  return pipeWith('native' in found ? found.native : undefined, options)
}

/** Like pipe(), with or without the addon. @internal */
export async function pipeWith<T = unknown>(
  native: Native | undefined,
  options?: PipeOptions<T>,
): Promise<[Connection<T>, Connection<T>]> {
  const { duplex = true, ...rest } = checkPipe(options)
  const [one, other] = native ? pairOf(native) : await pairOverLoopback()
  if (!duplex) one.endWriting()
  return [
    new Connection({ transport: one, options: rest, writable: duplex }),
    new Connection({ transport: other, options: rest, readable: duplex }),
  ]
}
