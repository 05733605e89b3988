// Runs in: the test runner. Plays a template up to a chosen moment, and then dies, falls silent, or answers nonsense.
import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { Handshake, roleKeys } from '#src/wire/auth/handshake.js'
import { decodeControl, encodeControl, PROTOCOL_VERSION } from '#src/wire/control-codec.js'
import type { ControlMessage } from '#src/wire/control-messages.js'
import { encodeFrame, encodeFrames, FrameDecoder } from '#src/wire/frames.js'
import type { ListenAddress } from '#src/wire/startup.js'

/** The answer that is due at that moment does not come. */
export type Moment = 'handshake' | 'attach' | 'request' | 'exit' | 'close'
export type Fault = 'dies' | 'is stopped' | 'answers nonsense'

const MAX_PAYLOAD = 1024

/** One template that is none. */
export class FakeTemplate implements AsyncDisposable {
  readonly key = randomBytes(32)
  readonly address: ListenAddress
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** It sends these in one write with the answer to `attach`. */
  withAttached: ControlMessage[] = []

  private constructor(
    readonly moment: Moment,
    readonly fault: Fault,
    readonly childPid: number,
  ) {
    this.address = { path: path.join(os.tmpdir(), `fs-fake-${process.pid}-${randomBytes(4).toString('hex')}`) }
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** @param childPid what it says is the pid of every child */
  static async open(moment: Moment, fault: Fault, childPid: number): Promise<FakeTemplate> {
    const fake = new FakeTemplate(moment, fault, childPid)
    await new Promise<void>((resolve) => fake.#server.listen('path' in fake.address ? fake.address.path : '', resolve))
    return fake
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
    const handshake = new Handshake('listener', roleKeys(this.key, 'listener'))
    const decoder = new FrameDecoder({ maxLength: MAX_PAYLOAD })
    const send = (payload: Buffer): void => void socket.write(encodeFrame(payload))
    handshake.start().forEach(send)
    socket.on('data', (chunk) => {
      for (const payload of decoder.push(chunk)) {
        if (handshake.isDone) this.#answer(socket, payload)
        else if (this.moment === 'handshake') this.#fail(socket)
        else handshake.receive(payload).send.forEach(send)
      }
    })
  }

  #answer(socket: Socket, payload: Buffer): void {
    const reply = (message: ControlMessage, moment: Moment, ...more: ControlMessage[]): void => {
      if (this.moment === moment) this.#fail(socket)
      else socket.write(encodeFrames([message, ...more].map((one) => encodeControl(one))))
    }
    const message = decodeControl('owner to template', payload)
    switch (message.name) {
      case 'attach':
        return reply({ name: 'attached', version: PROTOCOL_VERSION, pid: process.pid }, 'attach', ...this.withAttached)
      case 'fork': {
        const { id } = message
        const pid = this.childPid
        const usage = { userMicros: 0, systemMicros: 0, maxRssBytes: 0, minorFaults: 0, majorFaults: 0 }
        reply({ name: 'forked', id, pid }, 'request')
        if (this.moment !== 'request') reply({ name: 'exited', id, pid, exitCode: 0, signal: 0, ...usage }, 'exit')
        return
      }
      case 'detach':
        return reply({ name: 'detached', owners: 1 }, 'close')
    }
  }

  #fail(socket: Socket): void {
    if (this.fault === 'dies') socket.destroy()
    if (this.fault === 'answers nonsense') socket.write(encodeFrame(Buffer.from([129, 255, 255])))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
