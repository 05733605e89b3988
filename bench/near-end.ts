// Runs in: owner. The near ends of the measured connections. Each sends in its fastest way to a far end of the same
// kind.
import { type ChildProcess, fork, type SerializationType, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type Connection, pipe } from 'forkserver/connection'
import { batchOf, countToBytes, PlainFrames } from './exchange.js'
import { temporaryFolder } from './peers.js'
import type { Slice } from './race.js'
import { type Scope, within } from './scope.js'

const FAR_END = fileURLToPath(new URL('./far-end.js', import.meta.url))
const START_MS = 20_000

/** One connection. Each call says the size of the messages and for how long to send. */
export interface NearEnd {
  readonly name: string
  /** Each message is sent back before the next one is sent. */
  roundTrips(ms: number, bytes: number): Promise<Slice>
  /** Messages go one way, in batches. */
  oneWay(ms: number, bytes: number): Promise<Slice>
}

/** A message. JSON has no bytes, so it gets a string of as many characters, which is its best case. */
type Message = Uint8Array | string
const bytesOf = (bytes: number): Uint8Array => new Uint8Array(bytes)
const stringOf = (bytes: number): string => 'm'.repeat(bytes)

/** Repeats a function that handles several messages at a time. */
async function repeat(ms: number, messages: number, turn: () => Promise<void>): Promise<Slice> {
  const start = performance.now()
  for (let processes = 0; ; ) {
    await turn()
    processes += messages
    const taken = performance.now() - start
    if (taken >= ms) return { processes, ms: taken }
  }
}

function checkSize(received: { readonly length: number }, bytes: number): void {
  if (received.length !== bytes) throw new Error(`A message of ${bytes} bytes came back with ${received.length}.`)
}

function ourBytes(connection: Connection): NearEnd {
  return {
    name: 'forkserver sendBytes',
    roundTrips(ms, bytes) {
      const message = Buffer.alloc(bytes, 'm')
      return repeat(ms, 1, async () => {
        await connection.sendBytes(message)
        checkSize(await connection.recvBytes(), bytes)
      })
    },
    oneWay(ms, bytes) {
      const message = Buffer.alloc(bytes, 'm')
      const batch = batchOf(bytes)
      return repeat(ms, batch, async () => {
        const sending = [connection.sendBytes(countToBytes(batch))]
        for (let i = 0; i < batch; i++) sending.push(connection.sendBytes(message))
        await Promise.all([connection.recvBytes(), ...sending])
      })
    },
  }
}

function ourValues<M extends Message>(
  name: string,
  connection: Connection<M | number>,
  messageOf: (bytes: number) => M,
): NearEnd {
  return {
    name,
    roundTrips(ms, bytes) {
      const message = messageOf(bytes)
      return repeat(ms, 1, async () => {
        await connection.send(message)
        checkSize(await connection.recv<M>(), bytes)
      })
    },
    oneWay(ms, bytes) {
      const message = messageOf(bytes)
      const batch = batchOf(bytes)
      return repeat(ms, batch, async () => {
        const sending = [connection.send(batch)]
        for (let i = 0; i < batch; i++) sending.push(connection.send(message))
        await Promise.all([connection.recv(), ...sending])
      })
    },
  }
}

/** An object that reports messages as events. */
interface EventLink {
  send(message: unknown): void
  /** Replaces the listener. */
  hear(heard: (message: unknown) => void): void
}

function byEvents(name: string, link: EventLink, messageOf: (bytes: number) => Message): NearEnd {
  return {
    name,
    roundTrips(ms, bytes) {
      const message = messageOf(bytes)
      return new Promise((resolve, reject) => {
        const start = performance.now()
        let processes = 0
        link.hear((reply) => {
          try {
            checkSize(reply as Uint8Array, bytes)
          } catch (error) {
            return reject(error)
          }
          processes++
          const taken = performance.now() - start
          if (taken >= ms) resolve({ processes, ms: taken })
          else link.send(message)
        })
        link.send(message)
      })
    },
    oneWay(ms, bytes) {
      const message = messageOf(bytes)
      const batch = batchOf(bytes)
      return repeat(
        ms,
        batch,
        () =>
          new Promise<void>((resolve) => {
            link.hear(() => resolve())
            link.send(batch)
            for (let i = 0; i < batch; i++) link.send(message)
          }),
      )
    },
  }
}

/** For comparison: a socket of node:net, with the simplest frames for round trips and plain bytes one way. */
function rawNet(socket: net.Socket): NearEnd {
  let heard = (_: Buffer): void => {}
  const frames = new PlainFrames((frame) => heard(frame))
  socket.on('data', (chunk) => frames.push(chunk))
  const send = (payload: Uint8Array): void => {
    socket.cork()
    socket.write(countToBytes(payload.length))
    socket.write(payload)
    socket.uncork()
  }
  const link: EventLink = {
    send: (message) => send(message as Uint8Array),
    hear(next) {
      heard = next
    },
  }
  return {
    name: 'net.Socket',
    roundTrips: byEvents('net.Socket', link, (bytes) => Buffer.alloc(bytes, 'm')).roundTrips,
    oneWay(ms, bytes) {
      const message = Buffer.alloc(bytes, 'm')
      const batch = batchOf(bytes)
      return repeat(ms, batch, async () => {
        const acknowledged = new Promise<Buffer>((resolve) => link.hear((frame) => resolve(frame as Buffer)))
        send(countToBytes(batch * bytes))
        for (let i = 0; i < batch; i++) if (!socket.write(message)) await once(socket, 'drain')
        await acknowledged
      })
    },
  }
}

/** Starts a far end in a process. */
function startFar(
  scope: Scope,
  args: readonly string[],
  { fds = [], serialization = 'json' }: { fds?: readonly number[]; serialization?: SerializationType } = {},
): ChildProcess {
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', ...fds, 'ipc']
  const child = fork(FAR_END, args, { stdio, serialization })
  scope.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await within(START_MS, 'The end of a far end', ended)
  })
  return child
}

/**
 * forkserver/connection, with a process that has the other ends: for bytes, for values by the default codec, and for
 * JSON.
 */
export async function openOurs(scope: Scope): Promise<Record<'bytes' | 'values' | 'json', NearEnd>> {
  const ends = [
    await pipe(),
    await pipe<Uint8Array | number>(),
    await pipe<string | number>({ codec: 'json' }),
  ] as const
  for (const [near] of ends) scope.use(near)
  startFar(scope, ['connections'], { fds: ends.map(([, far]) => far.fd!) })
  await Promise.all(ends.map(([, far]) => far.close()))
  const [[bytes], [values], [json]] = ends
  return {
    bytes: ourBytes(bytes),
    values: ourValues('forkserver send', values, bytesOf),
    json: ourValues("forkserver send, codec 'json'", json, stringOf),
  }
}

/** The channel of child_process.fork(). */
export function openIpc(scope: Scope, serialization: SerializationType): NearEnd {
  const child = startFar(scope, ['ipc'], { serialization })
  const link: EventLink = {
    send: (message) => void child.send(message as string),
    hear: (heard) => void child.removeAllListeners('message').on('message', heard),
  }
  return byEvents(`child_process, '${serialization}'`, link, serialization === 'json' ? stringOf : bytesOf)
}

/** A thread. Its messages are copied, as between processes. */
export function openPort(scope: Scope): NearEnd {
  const worker = new Worker(FAR_END)
  scope.defer(() => worker.terminate())
  const link: EventLink = {
    send: (message) => worker.postMessage(message),
    hear: (heard) => void worker.removeAllListeners('message').on('message', heard),
  }
  return byEvents('MessagePort of a thread', link, bytesOf)
}

/** A socket of node:net. */
export async function openNet(scope: Scope): Promise<NearEnd> {
  const path = `${await temporaryFolder(scope)}/socket`
  const server = net.createServer()
  scope.defer(() => server.close())
  const socket = new Promise<net.Socket>((resolve) => server.once('connection', resolve))
  await once(server.listen({ path }), 'listening')
  startFar(scope, ['net', path])
  const opened = await within(START_MS, 'The far end of net', socket)
  scope.defer(() => opened.destroy())
  return rawNet(opened)
}
