// Runs in: owner and template. The folders that forkserver makes for control sockets: where, and how their names tell
// them from folders of the user. Linux only.
import { readlinkSync } from 'node:fs'
import os from 'node:os'
import { isGone } from './process-state.js'

/** The process that made a folder. A pid means a process only together with its namespace. */
export interface Maker {
  pid: number
  /** The number of the pid namespace, in base 36; '0' if it is not known. */
  namespace: string
}

const UNKNOWN = '0'

/** Where to make a folder: the first of these that can be written to. */
export function parentFolders(): string[] {
  return [...new Set([process.env.XDG_RUNTIME_DIR || os.tmpdir(), os.tmpdir(), '/tmp'])]
}

function ownNamespace(): string {
  try {
    const number = /^pid:\[(\d+)\]$/.exec(readlinkSync('/proc/self/ns/pid'))?.[1]
    return number ? Number(number).toString(36) : UNKNOWN
  } catch {
    return UNKNOWN // there is no /proc
  }
}

/** The beginning of the name of a new folder. mkdtemp(3) adds six characters. */
export function namePrefix(): string {
  return `forkserver-${process.pid}-${ownNamespace()}-`
}

/** Which process made the folder of this name; undefined if it is no folder of forkserver. */
export function makerOf(name: string): Maker | undefined {
  const [, pid, namespace] = /^forkserver-(\d+)-([0-9a-z]+)-\w{6}$/.exec(name) ?? []
  return pid && namespace ? { pid: Number(pid), namespace } : undefined
}

/** Those of these names whose makers have ended. A maker in another pid namespace may live: it cannot be seen. */
export function endedMakersOf(names: readonly string[]): string[] {
  const own = ownNamespace()
  return names.filter((name) => {
    const maker = makerOf(name)
    return maker && own !== UNKNOWN && maker.namespace === own && isGone(maker.pid)
  })
}
