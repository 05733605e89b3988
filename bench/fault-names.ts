// Runs in: owner. What a page fault of a child was about: the memory, by the template's mappings, and what the kernel
// did. Pure.

/** A page fault, as the kernel's tracepoints page_fault_user and page_fault_kernel report it. */
export interface Fault {
  pid: number
  /** The address that was touched. */
  address: number
  /** Bits of the processor: 1 the page was there, 2 a write, 16 an instruction. */
  code: number
  /** The function that touched it, or an empty string. */
  by: string
}

export interface Mapping {
  from: number
  to: number
  access: string
  /** The path of its file, a name in brackets, or an empty string. */
  name: string
}

/** The lines of /proc/PID/maps. */
export function parseMaps(text: string): Mapping[] {
  return [...text.matchAll(/^(\w+)-(\w+) (\S+) \w+ \S+ \d+ *(.*)$/gm)].map(([, from, to, access, name]) => ({
    from: Number.parseInt(from!, 16),
    to: Number.parseInt(to!, 16),
    access: access!,
    name: name!,
  }))
}

/** The faults in the output of `perf script`, in their order. Behind each is perf's own event, with the function. */
export function parseFaults(text: string, nameOf: (address: number) => string): Fault[] {
  const faults: Fault[] = []
  for (const line of text.split('\n')) {
    const [, pid, rest] = /^\s*(\d+)\/\d+ (.*)$/.exec(line) ?? []
    if (!rest) continue
    const traced = /page_fault_\w+: address=(\S+) ip=(\S+) error_code=(\S+)/.exec(rest)
    if (traced) {
      const [address, by, code] = traced.slice(1).map(Number)
      // `ip` has a name for an instruction of the kernel.
      faults.push({ pid: Number(pid), address: address!, code: code!, by: by ? nameOf(by) : traced[2]! })
    } else {
      const [, address, by] = /page-faults:\s+(\w+) .*? (\S+)$/.exec(rest) ?? []
      const last = faults.at(-1)
      const isSame = last?.pid === Number(pid) && last.address === Number.parseInt(address ?? '', 16)
      if (isSame && by !== '[unknown]') last.by = by!
    }
  }
  return faults
}

/** What the kernel did: it copied a page that was shared, gave an empty one, or mapped pages of a file. */
export function kindOf({ code }: Pick<Fault, 'code'>): 'copied' | 'new' | 'mapped' {
  if (!(code & 2)) return 'mapped'
  return code & 1 ? 'copied' : 'new'
}

/** An arena of glibc begins at such an address. */
const ARENA_BYTES = 2 ** 26
const isArena = ({ from, name }: Mapping): boolean => from % ARENA_BYTES === 0 && name === ''

/**
 * Returns what names the memory at an address.
 *
 * @param program the path of Node
 * @param spaceOf the space of V8's heap to which an address belongs, or undefined
 */
export function memoryNames(
  maps: readonly Mapping[],
  program: string,
  spaceOf: (address: number) => string | undefined,
): (address: number) => string {
  const isLibrary = ({ name }: Mapping): boolean => name.startsWith('/') && !name.startsWith('/memfd:')
  return (address) => {
    const at = maps.findIndex(({ from, to }) => address >= from && address < to)
    if (at < 0) return 'mapped after the fork'
    const here = maps[at]!
    const before = maps[at - 1]
    if (here.name === '[heap]') return 'malloc'
    if (here.name === '[stack]') return 'stack of the main thread'
    if (here.name.startsWith('[')) return here.name
    if (isLibrary(here)) {
      const owner = here.name === program ? 'Node' : 'libraries'
      if (here.access.includes('w')) return `${owner}: variables`
      return `${owner}: ${here.access.includes('x') ? 'code' : 'constants'}`
    }
    const space = spaceOf(address)
    if (space) return `V8: ${space}`
    if (isArena(here)) return 'malloc: arenas of threads'
    if (before?.to === here.from) {
      if (before.access.startsWith('---') && before.to - before.from === 4096) return 'stacks of other threads'
      if (isLibrary(before)) return `${before.name === program ? 'Node' : 'libraries'}: variables`
    }
    return 'malloc: large blocks, and other memory'
  }
}
