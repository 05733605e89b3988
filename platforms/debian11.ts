// Runs in: a tool process. `npm run platform:debian11`: installs the tarball with npm for several Nodes, and uses it in
// Debian 11, whose C library is glibc 2.31. Each run has namespaces of its own for mounts and processes. So nothing of
// it is left on this machine, however it ends.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import { makeSystem } from './debian.js'
import { finish } from './finish.js'
import { checkMachine, PlatformError, ROOT, run, WORK } from './machine.js'
import { fetchNode, packTarball } from './payload.js'
import type { Plan } from './results.js'

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
  const { nodes } = new Command('platform:debian11')
    .description('Uses the packed package in Debian 11 (glibc 2.31). Needs root, for debootstrap and chroot.')
    .option('--nodes <majors>', 'majors of Node (with commas)', words, ['20', '22', '24'])
    .parse()
    .opts<{ nodes: string[] }>()
  checkMachine({ debootstrap: 'debootstrap', unshare: 'util-linux', chroot: 'coreutils' })
  const system = makeSystem({ suite: 'bullseye', architecture: 'amd64' })
  const tarball = packTarball()
  const steps = ['forkserver', 'spawn'].map((method) => ({
    name: `smoke test, start method ${method}`,
    args: ['/project/smoke.js', method, method],
    limitSeconds: STEP_SECONDS,
  }))
  for (const major of nodes.map(Number)) {
    const node = fetchNode('linux-x64', major)
    const log = runInside(system, node, makeProject(tarball, { steps, slowness: 1 }))
    finish(log, { platform: 'debian11', machine: 'chroot of Debian 11, x64', steps: steps.length })
  }
}

try {
  main()
} catch (error) {
  if (!(error instanceof PlatformError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
