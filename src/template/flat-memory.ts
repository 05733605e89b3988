// Runs in: template. When its memory is put into a file (native/fork/flat.h says how, and why a fork is then as fast as
// one of a small process), and when the file is mapped again.
import { readFileSync } from 'node:fs'
import { getHeapCodeStatistics } from 'node:v8'
import { errnoName, FLATTEN, type FlattenStep, type Native } from '../platform/native.js'

/**
 * Less private memory than this stays as it is. A child of a flat template takes about 100 page faults more, each of
 * which costs as much as the page tables of 50 to 100 kB: together those of 5 to 10 MB.
 */
const LEAST_BYTES = 32 * 2 ** 20
/**
 * How many forks to make between two checks, and how much memory of the file may be mapped before it is mapped again. A
 * collection of young objects, one for about 300 forks, reads the header of each page of V8's heap, and the kernel maps
 * what is around it: a quarter of the heap.
 */
const CHECK_FORKS = 16
const MOST_MAPPED_BYTES = 24 * 2 ** 20

const REASONS: Record<string, string> = {
  EPERM: 'the overcommit policy of this machine (vm.overcommit_memory = 2) or its page size does not suit',
  EBUSY: 'a thread of the template did not come to rest',
}

/** A field of /proc/self/status, in bytes. */
function status(field: string): number {
  const [, kilobytes] =
    new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync('/proc/self/status', 'latin1')) ?? []
  return Number(kilobytes ?? 0) * 1024
}

/**
 * Lets V8 finish the work of its last collection. Otherwise it writes to the header of each page of its heap when it
 * next needs room for an old object (PagedSpace::RefillFreeList), and each fork copies the page tables of all of them.
 * V8 does it before it counts code. This takes about a tenth of the time of the collection.
 */
function finishSweeping(): void {
  getHeapCodeStatistics()
}

/** The template's memory file. */
export class FlatMemory {
  readonly #native: Native
  /** Bytes and mappings, as flattenMemory() returns them. */
  readonly #figures = new Float64Array(2)
  #notFlat: string | null = 'the template has little memory'
  #coldBytes = 0
  #forks = 0

  constructor(native: Native) {
    this.#native = native
  }

  /**
   * Puts the memory into a file, at the freeze.
   *
   * @param huge bytes of Node's code in huge pages, which stay
   */
  freeze(huge: number): void {
    if (status('RssAnon') - Math.max(0, huge) < LEAST_BYTES) return
    finishSweeping()
    this.#notFlat = this.#step(FLATTEN.all)
    if (this.#notFlat === null) this.#coldBytes = this.#figures[0]!
  }

  /** Puts into the file what the trial fork changed: V8 finished work that its last collection had left. */
  update(): void {
    if (this.#notFlat === null) this.#step(FLATTEN.update)
  }

  /** Called after each fork. */
  forked(): void {
    if (this.#notFlat !== null || this.#forks++ % CHECK_FORKS !== 0) return
    if (status('RssShmem') > MOST_MAPPED_BYTES) this.#step(FLATTEN.renew) // if it fails, the next check tries again
  }

  /** For the template's report. */
  report(): { coldBytes: number; hotBytes: number; notFlat: string | null } {
    return { coldBytes: this.#coldBytes, hotBytes: status('RssAnon'), notFlat: this.#notFlat }
  }

  /** Returns why it did not work, or null. */
  #step(step: FlattenStep): string | null {
    const result = this.#native.flattenMemory(step, this.#figures)
    if (result === 0) return null
    const name = errnoName(-result)
    return REASONS[name] ?? `its memory cannot be put into a file (${name})`
  }
}
