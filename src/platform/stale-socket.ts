// Runs in: owner and template. Listens at a socket file, also if one is left over from a process that was killed.
import { lstatSync, unlinkSync } from 'node:fs'
import { isErrno, type Native } from './native.js'

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

/** Listens. A stale socket file is replaced. Returns the descriptor, or minus an errno. */
export function listenReplacingStale(
  native: Native,
  { name, isAbstract, backlog, permissions }: UnixListening,
): number {
  const listen = (): number => native.listen(Buffer.from(name), isAbstract ? 1 : 0, backlog, permissions ?? 0)
  const fd = listen()
  if (!isErrno(fd, 'EADDRINUSE') || isAbstract || !isStaleSocket(native, name)) return fd
  unlinkSync(name)
  return listen()
}
