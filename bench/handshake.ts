// Runs in: owner. Times one mutual handshake: as computation, over the control socket of a template, and in
// ForkServer.connect().
import { randomBytes } from 'node:crypto'
import net from 'node:net'
import { ForkServer } from 'forkserver'
import { answerChallenge, deliverChallenge, pipe } from 'forkserver/connection'
import { Bench } from 'tinybench'
import { Handshake, type HandshakeSide, MAX_HANDSHAKE_PAYLOAD, roleKeys } from '#src/wire/auth/handshake.js'
import { encodeFrame, FrameDecoder } from '#src/wire/frames.js'
import type { Python, Target } from './peers.js'
import { Scope, within } from './scope.js'
import { type Latency, latencyOf } from './statistics.js'

const DIAL_LIMIT_MS = 10_000
const PYTHON_LIMIT_MS = 60_000
/** The first handshakes are not measured. They compile the code on both sides. */
const WARM_UPS = 50

/**
 * Both sides in this process, without a socket. The connector derives its keys each time, as an owner does. A template
 * derives them only once.
 */
function shakeInProcess(key: Uint8Array, listenerKeys: ReturnType<typeof roleKeys>): void {
  const sides: Record<HandshakeSide, Handshake> = {
    listener: new Handshake('listener', listenerKeys),
    connector: new Handshake('connector', roleKeys(key, 'connector')),
  }
  const { listener, connector } = sides
  let toConnector = listener.start()
  connector.start()
  while (!listener.isDone || !connector.isDone) {
    const toListener = toConnector.flatMap((payload) => connector.receive(payload).send)
    toConnector = toListener.flatMap((payload) => listener.receive(payload).send)
    if (toListener.length + toConnector.length === 0 && !(listener.isDone && connector.isDone)) {
      throw new Error(`The handshake stopped: listener ${listener.state}, connector ${connector.state}.`)
    }
  }
}

/** Only the computation: both sides, one after the other. */
export async function timeComputation(samples: number): Promise<Latency> {
  const key = randomBytes(32)
  const listenerKeys = roleKeys(key, 'listener')
  const bench = new Bench({ iterations: samples, time: 0, retainSamples: true, throws: true })
  bench.add('handshake', () => shakeInProcess(key, listenerKeys))
  await bench.run()
  const { result } = bench.tasks[0]!
  if (!('latency' in result) || !result.latency.samples) throw new Error(`The computation ended ${result.state}.`)
  return latencyOf(result.latency.samples)
}

/** Connects to a template, completes the handshake and disconnects. Uses no other part of forkserver. */
function shakeOverSocket({ path, key }: Target): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const start = performance.now()
    const handshake = new Handshake('connector', roleKeys(key, 'connector'))
    handshake.start()
    const decoder = new FrameDecoder({ maxLength: MAX_HANDSHAKE_PAYLOAD })
    const socket = net.createConnection({ path })
    const end = (settle: () => void): void => {
      socket.destroy()
      settle()
    }
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The template hung up.')))
    socket.on('data', (chunk: Buffer) => {
      for (const payload of decoder.push(chunk)) {
        const { send, failure } = handshake.receive(payload)
        for (const answer of send) socket.write(encodeFrame(answer))
        if (failure) return end(() => reject(failure))
      }
      if (handshake.isDone) end(() => resolve(performance.now() - start))
    })
  })
}

async function connectAndClose({ path, key }: Target): Promise<number> {
  const start = performance.now()
  const server = await ForkServer.connect({ path }, key)
  const taken = performance.now() - start
  await server.close()
  return taken
}

async function sample(samples: number, one: () => Promise<number>): Promise<Latency> {
  const taken: number[] = []
  for (let index = 0; index < samples + WARM_UPS; index++) {
    const ms = await within(DIAL_LIMIT_MS, 'A handshake', one())
    if (index >= WARM_UPS) taken.push(ms)
  }
  return latencyOf(taken)
}

/** The time from connecting until both sides have accepted, with the template process on the other end. */
export function timeOverSocket(target: Target, samples: number): Promise<Latency> {
  return sample(samples, () => shakeOverSocket(target))
}

/** ForkServer.connect(): the handshake, and everything else that a connection needs. */
export function timeConnect(target: Target, samples: number): Promise<Latency> {
  return sample(samples, () => connectAndClose(target))
}

/**
 * The handshake of forkserver/connection, with both ends in this process. As CPython's below, but with one thread
 * instead of two.
 */
export async function timeConnections(samples: number): Promise<Latency> {
  const key = randomBytes(32)
  const [listener, connector] = await pipe()
  await using scope = new Scope()
  scope.use(listener)
  scope.use(connector)
  const listen = async (): Promise<void> => {
    await deliverChallenge(listener, key)
    await answerChallenge(listener, key)
  }
  return await sample(samples, async () => {
    const start = performance.now()
    const listening = listen()
    await answerChallenge(connector, key)
    await deliverChallenge(connector, key)
    const taken = performance.now() - start
    await listening
    return taken
  })
}

/** CPython's own handshake, between two of its threads. */
export async function timePython({ peer }: Python, samples: number): Promise<Latency> {
  const answer = await peer.ask(`handshake ${samples + WARM_UPS}`, PYTHON_LIMIT_MS)
  return latencyOf(
    answer
      .split(' ')
      .slice(WARM_UPS)
      .map((ns) => Number(ns) / 1e6),
  )
}
