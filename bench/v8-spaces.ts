// Runs in: owner. To which space of V8's heap an address belongs, in another process. V8 has no interface for that. Its
// heap is made of chunks that begin at a multiple of 256 KiB. A chunk's header leads to its space, directly or (V8 13)
// through one other object, and a space begins with a pointer to the table of its class, which the program's symbols
// name.
import { closeSync, openSync, readSync } from 'node:fs'

const CHUNK_BYTES = 2 ** 18
const HEADER_WORDS = 32
/** The names of the classes in the C++ ABI, with what they are called here. */
const SPACES: readonly [RegExp, string][] = [
  [/^_ZTVN2v88internal\d+(PagedNewSpace|SemiSpaceNewSpace|SemiSpace|PagedSpaceForNewSpace)E$/, 'new objects'],
  [/^_ZTVN2v88internal\d+(OldSpace|SharedSpace|StickySpace|CompactionSpace|MapSpace)E$/, 'old objects'],
  [/^_ZTVN2v88internal\d+(SharedTrusted|Trusted)SpaceE$/, 'old objects that V8 trusts'],
  [/^_ZTVN2v88internal\d+\w*ReadOnlySpaceE$/, 'read-only objects'],
  [/^_ZTVN2v88internal\d+(CodeSpace|CodeLargeObjectSpace)E$/, 'compiled code'],
  [/^_ZTVN2v88internal\d+\w*LargeObjectSpaceE$/, 'large objects'],
]
/** An object points behind the two first words of its class's table. */
const TABLE_HEAD_BYTES = 16n

/** The spaces by the pointer with which they begin. `symbols` are those of a program that the linker does not move. */
export function spaceTables(symbols: ReadonlyMap<string, number>): Map<bigint, string> {
  const tables = new Map<bigint, string>()
  for (const [name, address] of symbols) {
    const space = SPACES.find(([pattern]) => pattern.test(name))?.[1]
    if (space) tables.set(BigInt(address) + TABLE_HEAD_BYTES, space)
  }
  return tables
}

/** Reads the memory of a process. */
export class V8Spaces {
  readonly #memory: number
  readonly #tables: ReadonlyMap<bigint, string>
  readonly #known = new Map<number, string | undefined>()

  constructor(pid: number, tables: ReadonlyMap<bigint, string>) {
    this.#memory = openSync(`/proc/${pid}/mem`, 'r')
    this.#tables = tables
  }

  close(): void {
    closeSync(this.#memory)
  }

  /** The space of the chunk in which this address is, or undefined if there is none. */
  spaceOf(address: number): string | undefined {
    const chunk = address - (address % CHUNK_BYTES)
    if (!this.#known.has(chunk)) this.#known.set(chunk, this.#look(chunk))
    return this.#known.get(chunk)
  }

  #look(chunk: number): string | undefined {
    const header = this.#words(BigInt(chunk))
    const direct = header.map((word) => this.#spaceAt(word)).find(Boolean)
    return direct ?? header.flatMap((word) => this.#words(word).map((inner) => this.#spaceAt(inner))).find(Boolean)
  }

  #spaceAt(pointer: bigint): string | undefined {
    const [table] = this.#words(pointer, 1)
    return table === undefined ? undefined : this.#tables.get(table)
  }

  /** Words of that process; none if nothing is there. */
  #words(from: bigint, count = HEADER_WORDS): bigint[] {
    const isPointer = from >= 4096n && from < 1n << 47n && from % 8n === 0n
    if (!isPointer) return []
    const words = new BigUint64Array(count)
    try {
      const got = readSync(this.#memory, words, 0, words.byteLength, from)
      return [...words.subarray(0, Math.floor(got / 8))]
    } catch {
      return []
    }
  }
}
