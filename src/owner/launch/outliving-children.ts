// Runs in: owner. The children that may outlive their owner without being detached, as any process of child_process. A
// template that leaves before them could not tell how they ended.
import type { ForkedChild } from './pending-forks.js'

/** Those of one server that have not ended. */
export class OutlivingChildren {
  readonly #exits = new Set<Promise<unknown>>()
  #leave: () => void = () => {}
  readonly #left = new Promise<void>((resolve) => {
    this.#leave = resolve
  })

  add(child: ForkedChild): void {
    const exit = child.exited.catch(() => {}).finally(() => this.#exits.delete(exit))
    this.#exits.add(exit)
  }

  /** Resolves when all of them have ended, or at once after leave(). Whoever follows them holds the event loop. */
  async ended(): Promise<void> {
    await Promise.race([Promise.all(this.#exits), this.#left])
  }

  /** Nobody waits for them any more. */
  leave(): void {
    this.#leave()
  }
}
