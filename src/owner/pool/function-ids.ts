// Runs in: owner. The numbers of the functions that one worker was told. Pure.
import type { Reference } from '../naming/remote.js'

/** The functions of one worker. Each remote() makes references of its own, so a function may have many of them. */
export class FunctionIds {
  readonly #known = new WeakMap<Reference, number>()
  readonly #ids = new Map<string, number>()
  readonly #tell: (id: number, reference: Reference) => void

  /** @param tell tells the worker of a function, once */
  constructor(tell: (id: number, reference: Reference) => void) {
    this.#tell = tell
  }

  of(reference: Reference): number {
    return this.#known.get(reference) ?? this.#find(reference)
  }

  #find(reference: Reference): number {
    const name = JSON.stringify([reference.module, reference.name])
    const id = this.#ids.get(name) ?? this.#ids.size
    if (id === this.#ids.size) {
      this.#ids.set(name, id)
      this.#tell(id, reference)
    }
    this.#known.set(reference, id)
    return id
  }
}
