// Runs in: a tool process. `npm run platform:arm64`: boots Debian's arm64 kernel in QEMU, which emulates the processor,
// and runs there the stress matrix, the contract tests and the demo. The root file system lies in the initial RAM disk,
// so the kernel needs no drivers for disks. Results come back on the serial console.
import { spawn } from 'node:child_process'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { Command } from 'commander'
import { kernelPackage, makeSystem, NODE_LIBRARIES, unpack } from './debian.js'
import { finish } from './finish.js'
import { checkMachine, PlatformError, ROOT, run, WORK } from './machine.js'
import { addPackage, fetchNode, packTarball } from './payload.js'
import type { Plan, Step } from './results.js'

const MACHINE = ['-M', 'virt', '-cpu', 'cortex-a72', '-smp', '2', '-m', '4096']
/** How many times slower the emulated machine is than a usual one. Time limits of tests are multiplied by it. */
const SLOWNESS = 15
const BOOT_SECONDS = 600
/** Folders that only a package manager or a reader needs. */
const UNUSED = ['boot', 'var/cache', 'var/lib/apt', 'usr/share/doc', 'usr/share/man', 'usr/share/locale', 'debootstrap']

const INITTAB = '::sysinit:/start\n'
const START = `#!/bin/sh
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
busybox ip link set lo up
busybox hostname arm64
export PATH=/node/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
cd /forkserver
/node/bin/node build/platforms/inside.js /plan.json
busybox poweroff -f
`

interface Options {
  nodes: string[]
  steps: string[]
  forks: number
  tests: string[]
  limit: number
  write: boolean
}

/** Makes the root file system of the guest, and returns its folder and the kernel's path. */
function makeGuest(tarball: string): { guest: string; kernel: string } {
  const include = ['linux-image-arm64', 'busybox-static', ...NODE_LIBRARIES]
  const system = makeSystem({ suite: 'bookworm', architecture: 'arm64', include, isForeign: true })
  const name = kernelPackage(system)
  if (!name) throw new PlatformError('Debian has no kernel for arm64 in this suite.')
  const kernels = path.join(WORK, name)
  if (!existsSync(kernels)) unpack(system, [name], kernels)
  const file = readdirSync(path.join(kernels, 'boot')).find((entry) => entry.startsWith('vmlinuz-'))
  const guest = path.join(WORK, 'arm64-guest')
  rmSync(guest, { recursive: true, force: true })
  cpSync(system, guest, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (from) => isUsed(path.relative(system, from)),
  })
  unpack(system, include.slice(1), guest)
  for (const table of ['passwd', 'group'])
    cpSync(path.join(guest, 'usr/share/base-passwd', `${table}.master`), path.join(guest, 'etc', table))
  writeFileSync(path.join(guest, 'etc/hosts'), '127.0.0.1 localhost\n::1 localhost\n')
  writeFileSync(path.join(guest, 'etc/inittab'), INITTAB)
  writeFileSync(path.join(guest, 'start'), START, { mode: 0o755 })
  run('ln', ['-sf', '/bin/busybox', path.join(guest, 'init')], 10)
  addPackage(tarball, path.join(guest, 'forkserver'))
  return { guest, kernel: path.join(kernels, 'boot', file!) }
}

const isUsed = (file: string): boolean =>
  !file.startsWith('dev/') && !UNUSED.some((folder) => file === folder || file.startsWith(`${folder}/`))

function makeImage(guest: string, major: number, plan: Plan): string {
  const bin = path.join(guest, 'node', 'bin')
  mkdirSync(bin, { recursive: true })
  cpSync(path.join(fetchNode('linux-arm64', major), 'bin', 'node'), path.join(bin, 'node'))
  writeFileSync(path.join(guest, 'plan.json'), JSON.stringify(plan))
  const image = path.join(WORK, `arm64-node${major}.cpio`)
  run('sh', ['-c', `find . -print0 | cpio --null --create --format=newc --quiet > ${image}`], 300, guest)
  return image
}

/** Runs until the guest switches itself off. Everything on its console goes into the log. */
async function boot(kernel: string, image: string, log: string, limitSeconds: number): Promise<void> {
  const append = 'console=ttyAMA0 quiet loglevel=3 panic=-1 rdinit=/init'
  const rest = ['-nographic', '-no-reboot', '-nic', 'none', '-monitor', 'none', '-serial', 'stdio']
  const out = openSync(log, 'w')
  const args = [...MACHINE, '-kernel', kernel, '-initrd', image, '-append', append, ...rest]
  const machine = spawn('qemu-system-aarch64', args, { stdio: ['ignore', out, 'inherit'] })
  closeSync(out)
  const end = (): boolean => machine.kill('SIGKILL')
  process.once('exit', end)
  const timer = setTimeout(end, limitSeconds * 1000)
  await new Promise((resolve, reject) => machine.once('close', resolve).once('error', reject))
  clearTimeout(timer)
  process.off('exit', end)
}

/** The steps of one run. `tests` are words; each test file that has one in its path is a step. */
function stepsOf({ steps, forks, tests, limit }: Options, guest: string): Step[] {
  const stress = ['build/stress/stress.js', '--forks', String(forks), '--slow-forks', String(forks)]
  const demo = ['build/demo/demo.js', 'src', '--sample', '6', '--max-files', '60', '--timeout', '600', '--json']
  const folder = path.join(guest, 'forkserver', 'build', 'test')
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(
      (name) => name.endsWith('.test.js') && !name.includes('.slow.') && tests.some((word) => name.includes(word)),
    )
    .sort()
  const all = [
    {
      name: 'stress',
      args: [...stress, '--start-timeout', '900', '--json', '-'],
      limitSeconds: limit * 4,
    },
    { name: 'demo', args: demo, limitSeconds: limit },
    ...files.map((name) => ({ name, args: ['scripts/test.mjs', name], limitSeconds: limit })),
  ]
  return all.filter(({ name }) => steps.includes(name.endsWith('.js') ? 'tests' : name))
}

const words = (text: string): string[] => text.split(',')

async function main(): Promise<void> {
  const options = new Command('platform:arm64')
    .description(
      'Runs the stress matrix, the demo and tests on an emulated arm64 machine. Needs root, for debootstrap.',
    )
    .option('--nodes <majors>', 'majors of Node (with commas)', words, ['24'])
    .option('--steps <names>', 'what to run there (with commas)', words, ['stress', 'demo', 'tests'])
    .option('--forks <n>', 'children in a cell of the stress matrix', Number, 20)
    .option('--tests <words>', 'test files whose path contains one of the words (with commas)', words, ['contract/'])
    .option(
      '--limit <seconds>',
      'time limit of a test file and of the demo; four times it for the stress matrix',
      Number,
      900,
    )
    .option('--no-write', 'only print the results')
    .parse()
    .opts<Options>()
  checkMachine({
    'qemu-system-aarch64': 'qemu-system-arm', debootstrap: 'debootstrap', cpio: 'cpio', unshare: 'util-linux',
  }) // biome-ignore format: a row
  const version = run('qemu-system-aarch64', ['--version'], 10).split('\n')[0]!.replace(/ \(.*/, '')
  const { guest, kernel } = makeGuest(packTarball())
  const steps = stepsOf(options, guest)
  const limitSeconds = BOOT_SECONDS + steps.reduce((sum, step) => sum + step.limitSeconds, 0)
  for (const major of options.nodes.map(Number)) {
    const log = path.join(WORK, `arm64-node${major}.log`)
    console.log(`Node ${major}: ${steps.length} steps; the console is in ${path.relative(ROOT, log)}`)
    await boot(kernel, makeImage(guest, major, { steps, slowness: SLOWNESS }), log, limitSeconds)
    const machine = `${version}, ${MACHINE.slice(0, 6).join(' ')}`
    finish(readFileSync(log, 'utf8'), { platform: 'arm64', machine, steps: steps.length, write: options.write })
  }
}

await main().catch((error: unknown) => {
  if (!(error instanceof PlatformError)) throw error
  console.error(error.message)
  process.exitCode = 1
})
