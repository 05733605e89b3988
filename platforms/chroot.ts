// Runs in: a tool process. `npm run platform:debian`: installs the tarball in a project, and uses it in releases of
// Debian whose C library is older or newer than this machine's. Each run has namespaces of its own for mounts and
// processes. So nothing of it is left on this machine, however it ends.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import { makeSystem, NODE_LIBRARIES } from './debian.js'
import { finish } from './finish.js'
import { checkMachine, PlatformError, ROOT, run, WORK } from './machine.js'
import { fetchNode, packTarball } from './payload.js'
import type { Plan } from './results.js'

/** The releases of Debian: their suites, and the numbers that their users know. */
const RELEASES: Record<string, string> = { 11: 'bullseye', 12: 'bookworm', 13: 'trixie' }
const STEP_SECONDS = 300
const INSTALL_SECONDS = 300

// The shell stays the first process of the namespace, so that it waits for orphans.
const ENTER = `
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
chroot "$1" /node/bin/node /project/inside.js /project/plan.json
exit $?
`

/** An empty project that installed the tarball, with the programs that run there. */
function makeProject(tarball: string, plan: Plan): string {
  const folder = path.join(WORK, 'project')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n')
  run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball], INSTALL_SECONDS, folder)
  const built = path.join(ROOT, 'build', 'platforms')
  for (const name of readdirSync(built).filter((file) => /^(inside|results|smoke.*)\.js$/.test(file)))
    cpSync(path.join(built, name), path.join(folder, name))
  writeFileSync(path.join(folder, 'plan.json'), JSON.stringify(plan))
  return folder
}

function runInside(system: string, node: string, project: string): string {
  for (const [from, to] of [[node, 'node'], [project, 'project']] as const) {
    rmSync(path.join(system, to), { recursive: true, force: true })
    cpSync(from, path.join(system, to), { recursive: true, verbatimSymlinks: true })
  } // biome-ignore format: rows
  const namespaces = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child']
  const { stdout, error } = spawnSync('unshare', [...namespaces, 'sh', '-e', '-c', ENTER, 'sh', system], {
    encoding: 'utf8',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root', LANG: 'C.UTF-8' },
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 3 * STEP_SECONDS * 1000,
    killSignal: 'SIGKILL',
  })
  if (error) throw new PlatformError(`The run in ${system} failed: ${error.message}`)
  return stdout
}

const words = (text: string): string[] => text.split(',')

function main(): void {
  const { releases, nodes } = new Command('platform:debian')
    .description('Uses the packed package in other releases of Debian. Needs root, for debootstrap and chroot.')
    .option('--releases <numbers>', `some of ${Object.keys(RELEASES).join(',')}`, words, ['11', '13'])
    .option('--nodes <majors>', 'majors of Node (with commas)', words, ['20', '22', '24', '26'])
    .parse()
    .opts<{ releases: string[]; nodes: string[] }>()
  checkMachine({ debootstrap: 'debootstrap', unshare: 'util-linux', chroot: 'coreutils' })
  const tarball = packTarball()
  const steps = ['forkserver', 'spawn'].map((method) => ({
    name: `smoke test, start method ${method}`,
    args: ['/project/smoke.js', method, method],
    limitSeconds: STEP_SECONDS,
  }))
  for (const release of releases) {
    const suite = RELEASES[release]
    if (!suite)
      throw new PlatformError(`Debian ${release} is not known here: add it to RELEASES in platforms/chroot.ts.`)
    const system = makeSystem({ suite, architecture: 'amd64', include: NODE_LIBRARIES })
    for (const major of nodes.map(Number)) {
      const project = makeProject(tarball, { steps, slowness: 1 })
      const log = runInside(system, fetchNode('linux-x64', major), project)
      finish(log, { platform: `debian${release}`, machine: 'chroot, x64', steps: steps.length })
    }
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof PlatformError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
