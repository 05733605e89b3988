// Runs in: owner. The address of a control socket: a new one, or the one that the user named.
import { randomBytes } from 'node:crypto'
import { lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { ResourceError } from '../../errors.js'
import type { Native } from '../../platform/native.js'
import { endedMakersOf, namePrefix, parentFolders } from '../../platform/socket-folder.js'
import { isStaleSocket } from '../../platform/stale-socket.js'
import type { ListenAddress } from '../../wire/startup.js'

/**
 * How a server can be reached: only by its starter, or by a socket file or an abstract name. Both can be named or new.
 */
export type Transport = 'private' | 'path' | 'abstract' | ListenAddress

const SOCKET_FILE = 'control.sock'

/** Removes a folder that forkserver made, unless somebody listens in it. */
function removeStale(native: Native, folder: string): void {
  try {
    const status = lstatSync(folder)
    if (!status.isDirectory() || status.uid !== process.geteuid!()) return
    const isLeft = readdirSync(folder).length === 0 || isStaleSocket(native, path.join(folder, SOCKET_FILE))
    if (isLeft) rmSync(folder, { recursive: true })
  } catch {} // another process was faster
}

/**
 * Removes folders whose owner and template were both killed by SIGKILL, because no process was left to remove them. The
 * name says which process made the folder. Its template may serve another owner by now.
 */
function sweep(native: Native, parent: string): void {
  try {
    for (const name of endedMakersOf(readdirSync(parent))) removeStale(native, path.join(parent, name))
  } catch {} // this user may not list the folder
}

/**
 * Makes a folder of mode 0700, in the first of these that can be written to.
 * @throws ResourceError ERR_RESOURCE
 */
export function freshFolder(native: Native, parents: readonly string[]): string {
  let last: NodeJS.ErrnoException | undefined
  const tried: string[] = []
  for (const parent of parents) {
    try {
      const folder = mkdtempSync(path.join(parent, namePrefix()))
      sweep(native, parent)
      return folder
    } catch (error) {
      last = error as NodeJS.ErrnoException
      tried.push(`${parent} (${last.code})`)
    }
  }
  const { code, syscall } = last!
  const text = `The control socket needs a folder, and none can be made in ${tried.join(' or ')}.`
  const advice = 'Set TMPDIR, or pass the transport { path }.'
  throw new ResourceError('ERR_RESOURCE', `${text} ${advice}`, { cause: last, errno: code, syscall })
}

/** The address to listen at, or null for a private server. A fresh folder has mode 0700. */
export function addressOf(native: Native, transport: Transport): ListenAddress | null {
  if (transport === 'private') return null
  if (transport === 'abstract') return { abstract: `forkserver-${randomBytes(16).toString('hex')}` }
  if (transport !== 'path') return transport
  return { path: path.join(freshFolder(native, parentFolders()), SOCKET_FILE) }
}

/** Removes the folder that addressOf() made, if the template was killed and could not do it. */
export function removeAddress(native: Native, transport: Transport, address: ListenAddress | null): void {
  if (transport === 'path' && address && 'path' in address) removeStale(native, path.dirname(address.path))
}
