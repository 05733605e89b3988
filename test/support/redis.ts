// Runs in: the test runner, and a benchmark. A Redis of its own for them, on a unix socket in a temporary folder;
// nothing of it stays.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const START_LIMIT_MS = 20_000
const STEP_MS = 20

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

/** Why tests with Redis are skipped here, or false. */
export const NO_REDIS = !hasRedis && "there is no redis-server; Debian's package of that name has it"

export class Redis implements AsyncDisposable {
  readonly #folder: string
  readonly #listen: readonly string[]
  readonly #process: ChildProcess

  private constructor(listen: readonly string[]) {
    this.#folder = mkdtempSync(path.join(os.tmpdir(), 'fst-redis-'))
    this.#listen = listen
    this.#process = this.#spawn()
  }

  /** The options of a connection, for BullMQ. */
  get connection(): { path: string; maxRetriesPerRequest: null } {
    return { path: path.join(this.#folder, 'redis.sock'), maxRetriesPerRequest: null }
  }

  /** @param tcp addresses and a port on which it listens, too */
  static async start(tcp?: { addresses: readonly string[]; port: number }): Promise<Redis> {
    const listen = tcp
      ? ['--port', String(tcp.port), '--bind', ...tcp.addresses, '--protected-mode', 'no']
      : ['--port', '0']
    const redis = new Redis(listen)
    await redis.#isUp()
    return redis
  }

  #spawn(): ChildProcess {
    const places = ['--unixsocket', this.connection.path, '--dir', this.#folder]
    const args = [...this.#listen, ...places, '--save', '', '--appendonly', 'no']
    // A test that is killed cannot end it: the kernel does.
    return spawn('setpriv', ['--pdeathsig', 'KILL', 'redis-server', ...args], { stdio: 'ignore' })
  }

  async #isUp(): Promise<void> {
    for (const end = Date.now() + START_LIMIT_MS; !existsSync(this.connection.path); await sleep(STEP_MS))
      if (Date.now() > end || this.#process.exitCode !== null) {
        await this[Symbol.asyncDispose]()
        throw new Error('redis-server did not start.')
      }
  }

  /** SIGSTOP: it answers nobody. SIGCONT: it goes on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name)
  }

  /** Ends it, with all that it holds. */
  async lose(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const ended = once(this.#process, 'exit')
      this.#process.kill('SIGKILL')
      await ended
    }
    rmSync(this.connection.path, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lose()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
