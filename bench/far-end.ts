// Runs in: a process or thread of its own, the far end of a measured connection. Its first argument says of which kind:
// 'connections' (forkserver/connection: bytes on descriptor 3, values on 4, JSON on 5), 'net' (the path of a socket
// follows) or 'ipc'. A thread has a MessagePort. It ends when the near end does.
import net from 'node:net'
import { parentPort } from 'node:worker_threads'
import { Connection } from 'forkserver/connection'
import { ACKNOWLEDGED, COUNT_BYTES, countToBytes, PlainFrames, Responder } from './exchange.js'

const BYTES_FD = 3
const VALUES_FD = 4
const JSON_FD = 5

function untilClosed(work: Promise<never>): Promise<void> {
  return work.catch((error: { code?: unknown }) => {
    if (error.code !== 'ERR_CONNECTION_CLOSED') throw error
  })
}

async function serveBytes(connection: Connection): Promise<never> {
  for (;;) {
    const message = await connection.recvBytes()
    if (message.length !== COUNT_BYTES) {
      await connection.sendBytes(message)
      continue
    }
    for (let left = message.readUInt32BE(); left > 0; left--) await connection.recvBytes()
    await connection.sendBytes(countToBytes(ACKNOWLEDGED))
  }
}

async function serveValues(connection: Connection): Promise<never> {
  for (;;) {
    const message = await connection.recv()
    if (typeof message !== 'number') {
      await connection.send(message)
      continue
    }
    for (let left = message; left > 0; left--) await connection.recv()
    await connection.send(ACKNOWLEDGED)
  }
}

function serveNet(path: string): void {
  const socket = net.connect({ path })
  const reply = (payload: Uint8Array): void => {
    socket.cork()
    socket.write(countToBytes(payload.length))
    socket.write(payload)
    socket.uncork()
  }
  const frames = new PlainFrames((frame) => {
    if (frame.length !== COUNT_BYTES) reply(frame)
    else frames.count(frame.readUInt32BE(), () => reply(countToBytes(ACKNOWLEDGED)))
  })
  socket.on('data', (chunk) => frames.push(chunk))
}

function serveEvents(port: { on(event: 'message', heard: (message: unknown) => void): void }, send: Send): void {
  const responder = new Responder()
  port.on('message', (message) => {
    const answer = responder.answer(message)
    if (answer !== undefined) send(answer)
  })
}

type Send = (message: unknown) => void

const [, , role, path] = process.argv
if (parentPort) serveEvents(parentPort, (message) => parentPort!.postMessage(message))
else if (role === 'ipc') serveEvents(process, (message) => process.send!(message))
else if (role === 'net') serveNet(path!)
else {
  const values = [Connection.open(VALUES_FD), Connection.open(JSON_FD, { codec: 'json' })]
  await Promise.all([serveBytes(Connection.open(BYTES_FD)), ...values.map(serveValues)].map(untilClosed))
}
