// Runs in: owner. What became of a process, put together from what is heard: messages of its job channel, the end of that channel,
// and its exit. Pure: it does no I/O and is tested without a process.
import { ChildError } from '../../errors.js'
import type { Exit } from '../launch/exit.js'

/** The one answer that a job has. */
export type Answer = { value: unknown } | { error: unknown }

/** What a process has told so far. */
export class Outcome {
  readonly #isProgram: boolean
  #pid = 0
  #answer: Answer | undefined
  #exit: Exit | undefined
  #exitError: unknown
  #isChannelOpen = true
  #saidCode: number | undefined

  /** A program's answer is its end: an exit with 0, or else. */
  constructor({ isProgram = false } = {}) {
    this.#isProgram = isProgram
  }

  /** The process exists. Its first messages may have come before that is known. */
  started(pid: number): void {
    this.#pid = pid
  }

  /** The first answer counts: what follows it (a kill after a timeout, an error in a timer after the result) changes nothing. */
  answered(answer: Answer): void {
    this.#answer ??= answer
  }

  /** The child said with which code it leaves. */
  leaving(exitCode: number): void {
    this.#saidCode = exitCode
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

  /** The job's answer, once there is one: a process that ended without one has died. */
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

  /** How it ended, once it is over. Without a template to tell, the code that the child itself said last. */
  get end(): { exit: Exit } | { error: unknown } | undefined {
    if (!this.isOver) return undefined
    if (this.#exit) return { exit: this.#exit }
    return this.#saidCode === undefined
      ? { error: this.#exitError }
      : { exit: { exitCode: this.#saidCode, signal: null } }
  }

  #died({ exitCode, signal }: Exit): ChildError {
    const fate = signal ? `was killed by ${signal}` : `exited with code ${exitCode}`
    const next = signal
      ? 'Its stderr may tell why; if only forked processes die like this, try the start method spawn.'
      : this.#isProgram
        ? 'Its stderr may tell why.'
        : 'A job must return, or throw, before it calls process.exit() or runs out of things to wait for.'
    const what = this.#isProgram ? 'Program' : 'Process'
    const when = this.#isProgram ? '' : ' before it delivered a result'
    return new ChildError('ERR_CHILD_DIED', `${what} ${this.#pid} ${fate}${when}. ${next}`, {
      pid: this.#pid,
      exitCode,
      signal,
    })
  }
}
