// Runs in: owner. The address of a control socket: a new one, or the one that the user named.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { ResourceError } from '../../errors.js'
import type { Native } from '../../platform/native.js'
import { isStaleSocket } from '../../platform/stale-socket.js'
import type { ListenAddress } from '../../wire/startup.js'

/**
 * How a server can be reached: only by its starter, or by a socket file or an abstract name. Both can be named or new.
 */
export type Transport = 'private' | 'path' | 'abstract' | ListenAddress

const FOLDER = 'forkserver-'
const SOCKET_FILE = 'control.sock'

function parentFolder(): string {
  return process.env.XDG_RUNTIME_DIR || os.tmpdir()
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Removes a folder that forkserver made, unless somebody listens in it. */
function removeStale(native: Native, folder: string): void {
  try {
    const isLeft = readdirSync(folder).length === 0 || isStaleSocket(native, path.join(folder, SOCKET_FILE))
    if (isLeft && statSync(folder).uid === process.geteuid!()) rmSync(folder, { recursive: true })
  } catch {} // another process was faster, or the folder belongs to another user
}

/**
 * Removes folders whose owner and template were both killed by SIGKILL, because no process was left to remove them. The
 * name says which process made the folder. Its template may serve another owner by now.
 */
function sweep(native: Native, parent: string): void {
  for (const name of readdirSync(parent)) {
    const pid = new RegExp(`^${FOLDER}(\\d+)-`).exec(name)?.[1]
    if (pid && !isAlive(Number(pid))) removeStale(native, path.join(parent, name))
  }
}

/** The address to listen at, or null for a private server. A fresh folder has mode 0700. */
export function addressOf(native: Native, transport: Transport): ListenAddress | null {
  if (transport === 'private') return null
  if (transport === 'abstract') return { abstract: `${FOLDER}${randomBytes(16).toString('hex')}` }
  if (transport !== 'path') return transport
  const parent = parentFolder()
  try {
    sweep(native, parent)
    return { path: path.join(mkdtempSync(path.join(parent, `${FOLDER}${process.pid}-`)), SOCKET_FILE) }
  } catch (cause) {
    const { code, syscall } = cause as NodeJS.ErrnoException
    const text = `The control socket needs a folder, and none can be made in ${parent} (${code}).`
    const advice = 'Set TMPDIR, or pass the transport { path }.'
    throw new ResourceError('ERR_RESOURCE', `${text} ${advice}`, { cause, errno: code, syscall })
  }
}

/** Removes the folder that addressOf() made, if the template was killed and could not do it. */
export function removeAddress(native: Native, transport: Transport, address: ListenAddress | null): void {
  if (transport === 'path' && address && 'path' in address) removeStale(native, path.dirname(address.path))
}
