// Runs in: template. Pure. Whether a trial child hangs, or is only slow.
//
// A trial takes a few milliseconds of processor time. On a machine on which many processes want to run, that can take
// seconds: the clock on the wall does not tell a slow child from one that hangs. So two other times count. A child that
// waits for a lock that nobody opens does no work. A child in an endless loop uses more processor time than any trial.

/** How long a trial child may do no work, in milliseconds. */
const IDLE_LIMIT_MS = 5_000
/**
 * How much processor time a trial child may use, in milliseconds. If twenty processes want each processor, that takes
 * 40 s, which is less than an owner waits for a start.
 */
const PROCESSOR_LIMIT_MS = 2_000
/**
 * On a machine that is slow in itself, it may use so many times what Node needed to start. In an emulated machine a
 * trial took more than two seconds.
 */
const PROCESSOR_LIMIT_STARTS = 10

/** What a template has seen of its trial child. */
export class TrialProgress {
  readonly #checkMs: number
  readonly #processorLimitMs: number
  #work: string | undefined
  #idleMs = 0

  /**
   * @param checkMs the longest time between two checks that counts, in milliseconds
   * @param nodeStartMs the processor time that Node needed to start, in milliseconds
   */
  constructor(checkMs: number, nodeStartMs: number) {
    this.#checkMs = checkMs
    this.#processorLimitMs = Math.max(PROCESSOR_LIMIT_MS, PROCESSOR_LIMIT_STARTS * nodeStartMs)
  }

  /**
   * One check of a child that has not ended yet.
   * @param elapsedMs the time since the check before. Of a long time only `checkMs` counts: the template itself was
   * stopped or had to wait for a processor, so the child probably had to wait too
   * @param work changes as long as the child works; undefined if it cannot be known, which counts as no work
   * @param processorMs the processor time that the child has used; undefined if it cannot be known
   * @returns why the child counts as hanging, as a clause
   */
  whyHangs(elapsedMs: number, work: string | undefined, processorMs: number | undefined): string | undefined {
    this.#idleMs = work === this.#work ? this.#idleMs + Math.min(elapsedMs, this.#checkMs) : 0
    this.#work = work
    if (this.#idleMs >= IDLE_LIMIT_MS) return `a trial child did not end, and did nothing for ${IDLE_LIMIT_MS / 1000} s`
    if (processorMs !== undefined && processorMs >= this.#processorLimitMs)
      return `a trial child did not end in ${Math.round(this.#processorLimitMs / 1000)} s of processor time`
    return undefined
  }
}
