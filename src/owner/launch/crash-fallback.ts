// Runs in: owner. A start method that forks, until forked children crash before they begin their jobs. No job is to
// blame for such a crash: the fork itself has gone wrong. So the job is run once more (second-try.ts), and after a few
// crashes the processes are spawned.
import type { Launched, Launcher, LaunchRequest, SpareCounts } from './launcher.js'
import { crashedUnbegun, SecondTry } from './second-try.js'

/** After so many crashes, a server spawns its processes. */
const MAX_CRASHES = 3

/** Forks, and spawns after MAX_CRASHES. */
export class CrashFallback implements Launcher {
  readonly #forking: Launcher
  readonly #newSpawning: (reason: string) => Launcher
  #spawning: Launcher | undefined
  #crashes = 0
  #isClosed = false

  /** @param newSpawning makes the launcher that is used from then on, and tells the user the reason, a clause */
  constructor(forking: Launcher, newSpawning: (reason: string) => Launcher) {
    this.#forking = forking
    this.#newSpawning = newSpawning
  }

  get startMethod(): 'forkserver' | 'spawn' {
    return this.#spawning ? 'spawn' : 'forkserver'
  }

  /** How many children crashed before they began their jobs. */
  get crashes(): number {
    return this.#crashes
  }

  get spares(): SpareCounts | undefined {
    return this.#forking.spares
  }

  get reason(): string | undefined {
    return this.#spawning?.reason
  }

  async launch(request: LaunchRequest): Promise<Launched> {
    if (this.#spawning) return this.#spawning.launch(request)
    const launched = await this.#fork(request)
    // Pipes and descriptors were handed out, and the child may have used them.
    const isRepeatable = request.stdio.every((target) => target === 'inherit' || target === 'ignore')
    return isRepeatable ? new SecondTry(launched, () => this.#again(request)) : launched
  }

  async #fork(request: LaunchRequest): Promise<Launched> {
    const launched = await this.#forking.launch(request)
    void crashedUnbegun(launched).then((hasCrashed) => hasCrashed && this.#count())
    return launched
  }

  launchNow(request: LaunchRequest, limitMs: number): Launched | undefined {
    if (this.#spawning) return undefined
    const launched = this.#forking.launchNow?.(request, limitMs)
    if (launched) void crashedUnbegun(launched).then((hasCrashed) => hasCrashed && this.#count())
    return launched
  }

  #again(request: LaunchRequest): Promise<Launched> {
    return this.#spawning?.launch(request) ?? this.#fork(request)
  }

  #count(): void {
    if (++this.#crashes < MAX_CRASHES || this.#spawning || this.#isClosed) return
    this.#spawning = this.#newSpawning(`${this.#crashes} forked children crashed before they began their jobs`)
  }

  restart(): Promise<void> {
    if (!this.#spawning) return this.#forking.restart()
    this.#forking.outdate?.()
    return this.#spawning.restart()
  }

  killAttached(): void {
    this.#forking.killAttached()
    this.#spawning?.killAttached()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([this.#forking.close(), this.#spawning?.close()])
  }
}
