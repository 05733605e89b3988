// Runs in: owner. Notices that a template does not answer any more: it was stopped (SIGSTOP), or it hangs.
//
// A template that is only slow must not be given up. So a template that does not answer is given up
// after `templateTimeout` only if it also did no work in that time. A template that works but does
// not answer gets MAX_WORKING times as long.
import { RunningTimer } from '../../promises/running-timer.js'

/** How many times `templateTimeout` a template may work without an answer. */
const MAX_WORKING = 10

export interface AnswerDeadlineOptions {
  /** How long a template may neither answer nor work, in milliseconds. */
  templateTimeout: number
  /** A measure of the template's work that changes while it works; undefined if that cannot be known. */
  workDone(): string | undefined
  /** The template did not answer in time. Called at most once. */
  onMissed(): void
}

/** One answer that the template still has to give. */
export interface AwaitedAnswer {
  /** The answer came, or nobody waits for it any more. */
  settle(): void
}

/** The answers that one template has to give. */
export class AnswerDeadline {
  readonly #options: AnswerDeadlineOptions
  readonly #timer: RunningTimer
  /** For each answer that is awaited: whether it is really due. */
  readonly #awaited = new Map<AwaitedAnswer, () => boolean>()
  #work: string | undefined
  #timeouts = 0

  constructor(options: AnswerDeadlineOptions) {
    this.#options = options
    this.#timer = new RunningTimer(options.templateTimeout / 2, () => this.#onHalfTime())
  }

  /**
   * An answer is awaited from now on. `isDue` is asked only when time is up: the answer that a child has ended is due
   * only if it has.
   */
  expect(isDue: () => boolean = () => true): AwaitedAnswer {
    const answer = { settle: () => this.#settle(answer) }
    this.#awaited.set(answer, isDue)
    if (!this.#timer.isRunning) this.#restart()
    return answer
  }

  #settle(answer: AwaitedAnswer): void {
    this.#awaited.delete(answer)
    if (this.#awaited.size === 0) this.#timer.stop()
  }

  /** A message of the template came: it works. */
  heard(): void {
    if (this.#timer.isRunning) this.#restart()
  }

  /** The connection is over. */
  stop(): void {
    this.#awaited.clear()
    this.#timer.stop()
  }

  #restart(): void {
    this.#timeouts = 0
    this.#timer.start()
  }

  /** Looks at the work at half time and at the end, so that a template which answers in time costs no look at all. */
  #onHalfTime(): void {
    this.#timer.start()
    if (++this.#timeouts % 2 === 1) {
      this.#work = this.#options.workDone()
      return
    }
    if (![...this.#awaited.values()].some((isDue) => isDue())) return this.#restart()
    const work = this.#options.workDone()
    const isWorking = work === undefined || work !== this.#work
    if (isWorking && this.#timeouts < 2 * MAX_WORKING) return
    this.stop()
    this.#options.onMissed()
  }
}
