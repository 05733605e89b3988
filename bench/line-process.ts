// Runs in: owner. A competitor that is a program in another language. It gets a question as a line on its stdin, and
// answers with a line on its stdout.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Slice } from './race.js'
import { within } from './scope.js'

/** It exits when its stdin ends. If it does not, it is killed after this many milliseconds. */
const LEAVE_MS = 3_000
const FIRST_LINE_MS = 20_000
const KEPT_ERRORS = 2_000

export class LineProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<unknown>
  #errors = ''

  private constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdin.on('error', () => {}) // EPIPE: it has ended, and reading reports that
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-KEPT_ERRORS)
    })
    this.#ended = once(this.#child, 'close').catch((error: Error) => {
      this.#errors = error.message
    })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Starts the program, and waits for its first line. */
  static async start(
    command: string,
    args: readonly string[],
    env = process.env,
  ): Promise<{ peer: LineProcess; greeting: string }> {
    const peer = new LineProcess(command, args, env)
    try {
      return { peer, greeting: await peer.#nextLine(FIRST_LINE_MS) }
    } catch (error) {
      await peer[Symbol.asyncDispose]()
      throw error
    }
  }

  async #nextLine(limitMs: number): Promise<string> {
    const { spawnfile } = this.#child
    const { done, value } = await within(limitMs, spawnfile, this.#lines.next())
    if (!done) return value
    await within(LEAVE_MS, spawnfile, this.#ended)
    if (this.#child.pid === undefined) throw new Error(this.#errors) // the program could not be started
    throw new Error(
      `${spawnfile} ended (${this.#child.exitCode ?? this.#child.signalCode}): ${this.#errors.trim() || 'no output'}`,
    )
  }

  /** Sends a question, and waits for the answer. */
  ask(question: string, limitMs: number): Promise<string> {
    this.#child.stdin.write(`${question}\n`)
    return this.#nextLine(limitMs)
  }

  /** Asks the program to start processes, or do what else the question asks for, for this many milliseconds. */
  async race(ms: number, question = (ms: number): string => `rate ${ms}`): Promise<Slice> {
    const answer = await this.ask(question(Math.ceil(ms)), 10 * ms + FIRST_LINE_MS)
    const [processes, ns] = answer.split(' ').map(Number)
    return { processes: processes!, ms: ns! / 1e6 }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), LEAVE_MS)
    await this.#ended
    clearTimeout(timer)
  }
}
