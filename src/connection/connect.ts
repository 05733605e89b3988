// Runs in: owner and child. Connects to a listener, here or in Python, and authenticates both sides. Like
// multiprocessing.connection.Client.
import net from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { ResourceError } from '../errors.js'
import { checkOptions } from '../options/option-checks.js'
import { errnoName, findNative, type Native } from '../platform/native.js'
import { abortError } from '../promises/abort.js'
import { type Address, address as addressCheck, checkLength, netPath, show } from './address.js'
import { shakeHands } from './authentication.js'
import { Connection } from './connection.js'
import { type ConnectOptions, checkConnect, credentialsOf, DEFAULT_HANDSHAKE_MS } from './connection-options.js'
import { NativeTransport } from './native-transport.js'
import { NetTransport } from './net-transport.js'
import type { Transport } from './transport.js'

/** How many milliseconds to wait before the next attempt, if the backlog of the listener is full. */
const RETRY_MS = 5

function connectError(code: string, to: Address, cause?: Error): ResourceError {
  const advice =
    code === 'ENOENT' || code === 'ECONNREFUSED'
      ? 'Nobody listens there. Start the listener first.'
      : code === 'ETIMEDOUT'
        ? 'The listener did not answer. Check whether it is busy or behind a firewall, or raise the timeout.'
        : 'Check the address, and whether this process has permission to connect to it.'
  const text = `Connecting to ${show(to)} failed with ${code}. ${advice}`
  return new ResourceError('ERR_CONNECT', text, { errno: code, syscall: 'connect', cause })
}

async function connectUnix(native: Native, to: Address): Promise<Transport> {
  const [name, isAbstract] = 'abstract' in to ? [to.abstract, 1] : [netPath(to), 0]
  checkLength(name)
  const fd = native.connect(Buffer.from(name), isAbstract)
  if (fd >= 0) return new NativeTransport(native, fd)
  throw connectError(errnoName(-fd), to)
}

/**
 * If the backlog of a unix socket is full, connect() fails with EAGAIN at once. It is repeated until the time is over.
 */
async function untilRoom(dialOnce: () => Promise<Transport>, clock: AbortSignal): Promise<Transport> {
  for (;;) {
    try {
      return await dialOnce()
    } catch (error) {
      if ((error as ResourceError).errno !== 'EAGAIN') throw error
      await sleep(RETRY_MS, undefined, { signal: clock })
    }
  }
}

function connectNet(to: Address, clock: AbortSignal): Promise<Transport> {
  const place = 'host' in to ? { host: to.host, port: to.port } : { path: netPath(to) }
  if ('path' in place) checkLength(place.path)
  return new Promise((resolve, reject) => {
    const socket = net.connect({ ...place, allowHalfOpen: true })
    const fail = (error: NodeJS.ErrnoException): void => {
      clock.removeEventListener('abort', abort)
      // A host name with several addresses fails with an AggregateError, which has a code of its own.
      reject(connectError(error.code ?? 'unknown', to, error))
    }
    const abort = (): void => {
      socket
        .off('error', fail)
        .on('error', () => {})
        .destroy()
      reject(clock.reason)
    }
    clock.addEventListener('abort', abort, { once: true })
    socket.once('error', fail)
    socket.once('connect', () => {
      clock.removeEventListener('abort', abort)
      socket.off('error', fail)
      resolve(new NetTransport(socket))
    })
  })
}

/**
 * Connects to a listener. Then each side proves to the other that it holds the key.
 *
 * @param address `{ host, port }`, `{ path }` or `{ abstract }`
 * @param options `authKey` is required; `timeout` is in milliseconds
 * @returns the authenticated connection
 * @throws ResourceError ERR_CONNECT if nobody listens there or the time is over; ERR_ADDRESS_TOO_LONG
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT; ProtocolError if the other side uses another protocol
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED; AbortError
 * @example
 * await using connection = await connect({ path: '/run/app.sock' }, { authKey })
 * await connection.send({ a: [1, 2] })
 */
export function connect<T = unknown>(address: Address, options: ConnectOptions<T>): Promise<Connection<T>> {
  const found = findNative()
  return connectWith('native' in found ? found.native : undefined, address, options)
}

/** Like connect(), with or without the addon. @internal */
export async function connectWith<T = unknown>(
  native: Native | undefined,
  address: Address,
  options: ConnectOptions<T>,
): Promise<Connection<T>> {
  const checked = checkConnect(options)
  const { address: to } = checkOptions<{ address: Address }>('connect()', { address }, { address: addressCheck })
  const { timeout = DEFAULT_HANDSHAKE_MS, signal } = checked
  if (signal?.aborted) throw abortError(signal)
  const credentials = credentialsOf(checked)
  const end = performance.now() + timeout
  let connection: Connection<T> | undefined
  try {
    const transport = await dial(native, to, timeout, signal)
    connection = new Connection({ transport, options: checked, address: to })
    if (credentials) {
      const { key, policy } = credentials
      const left = Math.max(1, end - performance.now())
      await shakeHands(connection, 'connector', key.borrowBytes(), { policy, timeout: left, signal })
    }
    return connection
  } catch (error) {
    await connection?.close()
    throw error
  } finally {
    credentials?.key.destroy()
  }
}

async function dial(
  native: Native | undefined,
  to: Address,
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Transport> {
  const clock = new AbortController()
  const giveUp = (): void => clock.abort()
  const timer = setTimeout(giveUp, timeout)
  signal?.addEventListener('abort', giveUp, { once: true })
  try {
    const isOurs = native && !('host' in to)
    return await untilRoom(() => (isOurs ? connectUnix(native, to) : connectNet(to, clock.signal)), clock.signal)
  } catch (error) {
    if (signal?.aborted) throw abortError(signal)
    if (clock.signal.aborted) throw connectError('ETIMEDOUT', to, error as Error)
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', giveUp)
  }
}
