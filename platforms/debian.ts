// Runs in: a tool process. Root file systems of Debian, made by debootstrap, which also checks Debian's signatures.
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { run, WORK } from './machine.js'

/** Without the variable, debootstrap takes the mirror of its own. */
const MIRROR = process.env.DEBIAN_MIRROR ? [process.env.DEBIAN_MIRROR] : []
const LIMIT_SECONDS = 1_800

/** What the Nodes of npm need besides the required packages: Node up to 24 the first, Node 26 both. */
export const NODE_LIBRARIES = ['libstdc++6', 'libatomic1']

interface System {
  suite: string
  /** As Debian calls it. */
  architecture: string
  /** Packages that are downloaded with their dependencies, besides the required ones. */
  include?: readonly string[]
  /** For another processor: packages are unpacked, and none of their programs run. */
  isForeign?: boolean
}

/**
 * Makes a root file system once, and returns its folder. debootstrap mounts /proc in it; in a mount namespace of its
 * own, so that the mount is gone when debootstrap ends in any way.
 * @throws PlatformError
 */
export function makeSystem({ suite, architecture, include = [], isForeign = false }: System): string {
  const folder = path.join(WORK, [suite, architecture, ...include].join('-')) // other packages are another system
  if (existsSync(folder)) return folder
  const partial = `${folder}.partial`
  rmSync(partial, { recursive: true, force: true })
  const options = [
    '--variant=minbase',
    `--arch=${architecture}`,
    ...(include.length > 0 ? [`--include=${include.join(',')}`] : []),
    ...(isForeign ? ['--foreign'] : []),
  ]
  const inNamespace = ['--mount', '--propagation', 'private', '--']
  run('unshare', [...inNamespace, 'debootstrap', ...options, suite, partial, ...MIRROR], LIMIT_SECONDS)
  replaceProcLink(path.join(partial, 'proc'))
  renameSync(partial, folder) // whole or not at all
  return folder
}

// In a container debootstrap does not mount /proc, but links it to itself.
function replaceProcLink(proc: string): void {
  if (!lstatSync(proc).isSymbolicLink()) return
  rmSync(proc)
  mkdirSync(proc)
}

/**
 * Unpacks packages that a foreign system has downloaded.
 * @param names the packages, without their versions
 */
export function unpack(system: string, names: readonly string[], into = system): void {
  const archives = path.join(system, 'var', 'cache', 'apt', 'archives')
  for (const file of readdirSync(archives))
    if (names.some((name) => file.startsWith(`${name}_`))) unpackFile(path.join(archives, file), into)
}

// dpkg-deb --extract would replace the link /bin by a folder.
function unpackFile(file: string, into: string): void {
  mkdirSync(into, { recursive: true })
  const pipeline = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
  run('sh', ['-e', '-c', pipeline, 'sh', file, into], LIMIT_SECONDS)
}

/** The package of a foreign system that has the kernel, for its architecture. */
export function kernelPackage(system: string): string | undefined {
  return readdirSync(path.join(system, 'var', 'cache', 'apt', 'archives'))
    .map((file) => file.split('_')[0]!)
    .find((name) => /^linux-image-\d/.test(name))
}
