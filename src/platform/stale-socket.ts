// Runs in: owner and template. Whether a socket file is left over from a process that was killed.
import { lstatSync } from 'node:fs'
import { isErrno, type Native } from './native.js'

/**
 * Whether this is a socket file at which nobody listens. False for anything else that lies there; whoever listens sees one connection
 * that ends at once.
 * @throws Error ENOENT and others of lstat(2)
 */
export function isDeserted(native: Native, file: string): boolean {
  if (!lstatSync(file).isSocket()) return false
  const fd = native.connect(Buffer.from(file), 0)
  if (fd >= 0) native.close(fd)
  return isErrno(fd, 'ECONNREFUSED')
}
