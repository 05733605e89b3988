// Runs in: owner. The outcome of a process, from the messages of its job channel, the end of that channel, and its
// exit. Pure: it does no I/O and is tested without a process.
import { ChildError } from '../../errors.js'
import type { Exit } from '../launch/exit.js'

/** The one answer that a job has. */
export type Answer = { value: unknown } | { error: unknown }

/** What the outcome depends on besides these events. */
export interface OutcomeOptions {
  /** A program has no result but its exit: with 0 it succeeds. */
  isProgram?: boolean
  /** The limits that the process was given. */
  limits?: { readonly memory?: number; readonly cpuSeconds?: number }
}

/** What is known about a process so far. */
export class Outcome {
  readonly #isProgram: boolean
  readonly #limits: NonNullable<OutcomeOptions['limits']>
  #process: { readonly pid: number } | undefined
  #answer: Answer | undefined
  #exit: Exit | undefined
  #exitError: unknown
  #isChannelOpen = true
  #saidCode: number | undefined
  #modules: readonly string[] | undefined

  constructor({ isProgram = false, limits = {} }: OutcomeOptions = {}) {
    this.#isProgram = isProgram
    this.#limits = limits
  }

  /** The process exists. Its pid changes if another process runs the job in its place. */
  started(process: { readonly pid: number }): void {
    this.#process = process
  }

  /** The first answer counts. Later events, such as a kill after a timeout or an error in a timer, change nothing. */
  answered(answer: Answer): void {
    this.#answer ??= answer
  }

  /** The child said with which code it leaves. */
  leaving(exitCode: number): void {
    this.#saidCode = exitCode
  }

  /** The child said which modules it has loaded. */
  loaded(modules: readonly string[]): void {
    this.#modules = Object.freeze(modules)
  }

  /** The modules that the child has loaded, if it said so. */
  get modules(): readonly string[] | undefined {
    return this.#modules
  }

  channelEnded(): void {
    this.#isChannelOpen = false
  }

  exited(exit: Exit): void {
    this.#exit ??= exit
  }

  /** Its exit cannot be observed. */
  exitLost(error: unknown): void {
    this.#exitError ??= error
  }

  /** The job's answer, once there is one. A process that ended without an answer has died. */
  get answer(): Answer | undefined {
    if (this.#answer || !this.isOver) return this.#answer
    const end = this.end
    if (!end || 'error' in end) return { error: end?.error }
    if (this.#isProgram && end.exit.exitCode === 0) return { value: undefined }
    return { error: this.#died(end.exit) }
  }

  /** Whether the process has ended and everything that it sent was read. */
  get isOver(): boolean {
    return !this.#isChannelOpen && (this.#exit !== undefined || this.#exitError !== undefined)
  }

  /**
   * How it ended, once it is over. If no template reports it, the code is the last one that the child itself reported.
   */
  get end(): { exit: Exit } | { error: unknown } | undefined {
    if (!this.isOver) return undefined
    if (this.#exit) return { exit: this.#exit }
    return this.#saidCode === undefined
      ? { error: this.#exitError }
      : { exit: { exitCode: this.#saidCode, signal: null } }
  }

  #died({ exitCode, signal }: Exit): ChildError {
    const { pid } = this.#process!
    const fate = signal ? `was killed by ${signal}` : `exited with code ${exitCode}`
    const what = this.#isProgram ? 'Program' : 'Process'
    const when = this.#isProgram ? '' : ' before it delivered a result'
    const text = `${what} ${pid} ${fate}${when}. ${this.#adviceOn(signal)}`
    return new ChildError('ERR_CHILD_DIED', text, { pid, exitCode, signal })
  }

  #adviceOn(signal: NodeJS.Signals | null): string {
    const { memory, cpuSeconds } = this.#limits
    if (signal === 'SIGABRT' && memory !== undefined)
      return `V8 aborts if its objects need more than limits.memory (${memory} bytes). Raise it, or keep less.`
    if (signal === 'SIGXCPU' && cpuSeconds !== undefined)
      return `It used limits.cpuSeconds (${cpuSeconds} s) of processor time. Raise the limit, or do less.`
    if (signal) return 'Its stderr may tell why. If only forked processes die like this, try the start method spawn.'
    if (this.#isProgram) return 'Its stderr may tell why.'
    return 'A job must return or throw before it calls process.exit() or before nothing is left to wait for.'
  }
}
