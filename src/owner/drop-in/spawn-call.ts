// Runs in: owner. Pure. What a ChildProcess asks its handle for, in the two forms that Node has for it.

/** One entry of stdio, as ChildProcess gives it to its handle. */
export interface StdioEntry {
  type: 'ignore' | 'inherit' | 'fd' | 'pipe' | 'overlapped' | 'wrap'
  fd?: number
  handle?: { fd?: number; open(fd: number): void }
  ipc?: boolean
}

/** A call of the handle's spawn(). */
export interface SpawnCall {
  cwd: string | undefined
  envPairs: readonly string[]
  stdio: readonly StdioEntry[]
  isDetached: boolean
  uid: number | undefined
  gid: number | undefined
}

/** kProcessFlagDetached of Node 24 and later. */
const DETACHED = 1

/** Reads the arguments: one object up to Node 22, and eight arguments from Node 24 on. */
export function readSpawnCall(args: readonly unknown[]): SpawnCall {
  if (typeof args[0] === 'object') {
    const { cwd, envPairs, stdio, detached, uid, gid } = args[0] as SpawnCall & { detached?: boolean }
    return { cwd, envPairs, stdio, isDetached: detached === true, uid, gid }
  }
  const [, , cwd, envPairs, stdio, flags, uid, gid] = args as [
    string,
    string[],
    string | undefined,
    string[],
    StdioEntry[],
    number,
    number | undefined,
    number | undefined,
  ]
  return { cwd, envPairs, stdio, isDetached: (flags & DETACHED) !== 0, uid, gid }
}

/** The environment of `NAME=value` pairs. Of two with one name the first counts, as in getenv(3). */
export function environmentOf(pairs: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at > 0 && !Object.hasOwn(env, pair.slice(0, at))) env[pair.slice(0, at)] = pair.slice(at + 1)
  }
  return env
}
