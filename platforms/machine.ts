// Runs in: a tool process. What the platform runs need of this machine: root, some commands, and commands that end in
// time.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

/** The folder of the project. */
export const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

/** Root file systems, Nodes, images and logs. They can be deleted at any time. */
export const WORK = path.join(ROOT, 'build', 'platforms-work')
mkdirSync(WORK, { recursive: true })

/** Something that the user has to change. It is printed without a stack. */
export class PlatformError extends Error {}

const isInstalled = (command: string): boolean =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(path.join(folder, command)))

/**
 * Checks that this process may do what follows.
 * @param packages each command that is needed, with the Debian package that has it
 * @throws PlatformError
 */
export function checkMachine(packages: Readonly<Record<string, string>>): void {
  const missing = Object.keys(packages).filter((command) => !isInstalled(command))
  if (missing.length > 0) {
    const install = [...new Set(missing.map((command) => packages[command]))].join(' ')
    throw new PlatformError(`${missing.join(', ')} cannot be found. On Debian or Ubuntu: apt-get install ${install}`)
  }
  if (process.getuid?.() !== 0)
    throw new PlatformError('debootstrap, chroot and device files need root. Run this command as root (sudo).')
}

/**
 * Runs a command and returns what it wrote to stdout. Its errors go to stderr.
 * @param limitSeconds it is killed after so long
 * @throws PlatformError it failed
 */
export function run(command: string, args: readonly string[], limitSeconds: number, cwd = WORK): string {
  const { status, signal, error, stdout } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    timeout: limitSeconds * 1000,
    killSignal: 'SIGKILL',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status === 0) return stdout
  throw new PlatformError(`${command} ${args.join(' ')} failed: ${error?.message ?? signal ?? `exit code ${status}`}`)
}
