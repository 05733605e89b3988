// Runs in: the test runner. What every attack has in common: a server that others can reach, an honest owner that goes
// on working meanwhile, and a template that has nothing more open afterwards than before.
import assert from 'node:assert/strict'
import { AuthKey, ForkServer, type ListenAddress, Process, remote } from 'forkserver'
import { check, native } from '#src/platform/native.js'
import { isAlive, until } from '../support/leaks.js'
import { descriptorsOf, RawClient } from './raw-client.js'

const jobs = remote<typeof import('../fixtures/faults/jobs.js')>(new URL('../fixtures/faults/jobs.js', import.meta.url))
const HONEST_PROCESSES = 4
/** A closed connection is seen at once; this only bounds a failure. */
const PATIENCE_MS = 4_000

/** A server under attack. */
export class Battlefield {
  readonly server: ForkServer
  readonly address: ListenAddress
  readonly key: Buffer
  readonly template: number
  readonly #before: number

  private constructor(server: ForkServer) {
    this.server = server
    this.address = server.address!
    this.key = server.key!.export()
    this.template = server.pid!
    this.#before = descriptorsOf(this.template).length
  }

  static async open(transport: 'path' | 'abstract'): Promise<Battlefield> {
    // A spare that is being forked is open in the template, too: none, so that the number is steady.
    const server = await ForkServer.start({ transport, preload: [jobs.module], spares: 0 })
    // What the first fork opens, stays open.
    await Promise.all(Array.from({ length: HONEST_PROCESSES }, (_, index) => launch(server, index)))
    return new Battlefield(server)
  }

  connect(): RawClient {
    return new RawClient(this.address)
  }

  /** A client that is proved. */
  async proved(): Promise<RawClient> {
    const client = this.connect()
    assert.ok(await client.prove(this.key), 'the handshake')
    return client
  }

  /** A client that is proved and attached with this lifeline. */
  async attached(lifeline: Lifeline): Promise<RawClient> {
    const client = await this.proved()
    assert.ok(await client.attach(lifeline.reader), 'attached')
    return client
  }

  /** Some children of an honest owner. */
  async honestWork(): Promise<void> {
    await Promise.all(Array.from({ length: HONEST_PROCESSES }, (_, index) => launch(this.server, index)))
  }

  /** The template is the same, a new client gets in, and nothing more is open than before. */
  async checkUnharmed(): Promise<void> {
    assert.ok(isAlive(this.template), 'the template lives')
    assert.equal(this.server.pid, this.template, 'no other template was started')
    await using newcomer = await ForkServer.connect(this.address, this.key)
    await launch(newcomer, 'newcomer')
    await newcomer.close()
    const open = (): string[] => descriptorsOf(this.template)
    await until(() => open().length <= this.#before)
    assert.equal(open().length, this.#before, `the template has open:\n${open().join('\n')}`)
  }

  /** Attacks with one client while honest work goes on; the template must close that client. */
  async repel(attack: (client: RawClient) => Promise<unknown> | unknown, client = this.connect()): Promise<void> {
    const work = this.honestWork()
    try {
      await attack(client)
      await until(() => client.isClosed, PATIENCE_MS)
      assert.ok(client.isClosed, 'the template closed the attacker')
    } finally {
      client.end()
      await work
    }
    await this.checkUnharmed()
  }

  async close(): Promise<void> {
    await this.server.close({ children: 'kill' })
  }
}

async function launch(server: ForkServer, value: unknown): Promise<void> {
  const p = await new Process(jobs.echo, [value], { server, stdio: 'ignore' }).start()
  assert.equal(await p.result, value)
  assert.equal((await p.join()).exitCode, 0)
}

/** The pipe that tells the template's children whether a raw client still lives. */
export class Lifeline implements Disposable {
  readonly reader: number
  readonly #writer: number

  constructor() {
    const pipe = new Int32Array(2)
    check('pipe', native().pipe(pipe))
    this.reader = pipe[0]!
    this.#writer = pipe[1]!
  }

  [Symbol.dispose](): void {
    native().close(this.reader)
    native().close(this.#writer)
  }
}

/** A key that is not the server's. */
export function wrongKey(): Buffer {
  return AuthKey.generate().export()
}
