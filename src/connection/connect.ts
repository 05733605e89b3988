// Runs in: owner and child. Connects to a listener, here or in Python, and proves itself: multiprocessing.connection.Client.
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

/** Between two tries at a listener whose backlog is full, in milliseconds. */
const RETRY_MS = 5

function connectError(code: string, to: Address, cause?: Error): ResourceError {
  const advice =
    code === 'ENOENT' || code === 'ECONNREFUSED'
      ? 'Nobody listens there: start the listener first.'
      : code === 'ETIMEDOUT'
        ? 'The listener does not answer: is it too busy, or behind a firewall?'
        : 'Check the address, and whether this process may reach it.'
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

/** A unix socket whose backlog is full answers EAGAIN at once: it is tried again until the time is over. */
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
      // A name with several addresses fails with an AggregateError, which has a code of its own.
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
 * Connects to a listener, and proves to each other that both hold the key.
 *
 * @param address `{ host, port }`, `{ path }` or `{ abstract }`
 * @param options `authKey` is needed
 * @returns the connection, proved
 * @throws ResourceError ERR_CONNECT where nobody listens or the time is over; ERR_ADDRESS_TOO_LONG
 * @throws AuthError ERR_AUTH_REFUSED, ERR_AUTH_TIMEOUT; ProtocolError where the other side speaks something else
 * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_UNSUPPORTED; AbortError
 * @example
 * await using connection = await connect({ path: '/run/app.sock' }, { authKey })
 * await connection.send({ a: [1, 2] })
 */
export function connect<T = unknown>(address: Address, options: ConnectOptions<T>): Promise<Connection<T>> {
  const found = findNative()
  return connectWith('native' in found ? found.native : undefined, address, options)
}

/** As connect(), with the addon or without. @internal */
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
