// Runs in: owner and template. Listens at a socket file, also if one is left over from a process that was killed.
import { lstatSync, unlinkSync } from 'node:fs'
import path from 'node:path'
import { isErrno, type Native } from './native.js'
import { performance } from './timers.js'

/** How long to wait for a folder that another process has locked, in steps of this length; in milliseconds. */
const LOCK_MS = 200
const STEP_MS = 5

/**
 * Whether this is a socket file at which no process listens. False for any other kind of file. A process that listens
 * there sees one connection that ends at once.
 * @throws Error ENOENT and others of lstat(2)
 */
export function isStaleSocket(native: Native, file: string): boolean {
  if (!lstatSync(file).isSocket()) return false
  const fd = native.connect(Buffer.from(file), 0)
  if (fd >= 0) native.close(fd)
  return isErrno(fd, 'ECONNREFUSED')
}

/** Where to listen, and how. */
export interface UnixListening {
  /** A path, or an abstract name. */
  name: string
  isAbstract: boolean
  backlog: number
  /** Mode of the socket file. */
  permissions?: number
}

/**
 * Locks a folder. If that does not work, the caller goes on without: it may not read the folder, or another program
 * holds a lock on it for long, such as flock(1). Returns the descriptor to close, or minus an errno.
 */
function lock(native: Native, folder: string): number {
  const name = Buffer.from(`${folder}\0`)
  const end = performance.now() + LOCK_MS
  for (;;) {
    const fd = native.lockFolder(name)
    if (!isErrno(fd, 'EWOULDBLOCK') || performance.now() > end) return fd
    native.poll(new Int32Array(0), 0, STEP_MS)
  }
}

/**
 * Listens. A stale socket file is replaced. Returns the descriptor, or minus an errno.
 *
 * The folder is locked meanwhile. Without that, two processes that find the same stale file could both listen: the
 * slower one would remove the new file of the faster one, at which no client arrives from then on. And a new file does
 * not answer between bind(2) and listen(2): it would be taken for a stale one.
 */
export function listenReplacingStale(
  native: Native,
  { name, isAbstract, backlog, permissions }: UnixListening,
): number {
  const listen = (): number => native.listen(Buffer.from(name), isAbstract ? 1 : 0, backlog, permissions ?? 0)
  if (isAbstract) return listen()
  const locked = lock(native, path.dirname(name))
  try {
    const fd = listen()
    if (!isErrno(fd, 'EADDRINUSE')) return fd
    try {
      if (!isStaleSocket(native, name)) return fd
      unlinkSync(name)
    } catch {} // its listener has removed it by now, or this user may not: the next error says so
    return listen()
  } finally {
    if (locked >= 0) native.close(locked)
  }
}
