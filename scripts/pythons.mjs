// Runs in: by hand. Puts a CPython that Debian has only in unstable into .pythons/ (once), without installing anything,
// and prints the path of a script that starts it: node scripts/pythons.mjs 3.15
//
// It needs Debian's apt-get and dpkg-deb; unstable is in the archive that apt uses already. The packages bring their
// own C library: the script starts Python through the dynamic linker of that library, so it runs on older releases.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [version] = process.argv.slice(2)
if (!/^\d+\.\d+$/.test(version ?? '')) {
  console.error('Usage: node scripts/pythons.mjs VERSION')
  process.exit(2)
}
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'
const PACKAGES = [
  ...[`python${version}-minimal`, `libpython${version}-minimal`, `libpython${version}-stdlib`],
  ...['libc6', 'libgcc-s1', 'libexpat1', 'libzstd1', 'libssl3t64', 'libffi8', 'zlib1g'],
]
const pythons = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), '.pythons')
const folder = path.join(pythons, version)
const starter = path.join(folder, `python${version}`)

/** Runs a program; its output goes to stderr, because stdout has only the path. */
function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] })
  if (status === 0) return
  console.error(`CPython ${version} could not be fetched: ${command} ${args[0]} failed. ${error?.message ?? ''}`)
  process.exit(1)
}

/** The address of the archive that this machine's apt uses. That of security updates has no unstable. */
function findArchive() {
  const format = '$(ORIGIN)|$(LABEL)|$(REPO_URI)'
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' })
  const targets = (stdout ?? '').split('\n').map((line) => line.split('|'))
  const found = targets.find(([origin, label]) => origin === 'Debian' && label === 'Debian')
  if (found) return found[2]
  console.error('apt-get lists no archive of Debian, so there is none to download from.')
  process.exit(1)
}

/** apt with lists of its own: what the machine itself knows and has installed stays as it is. */
function download(into) {
  const state = path.join(into, 'apt')
  for (const name of ['lists/partial', 'cache/archives/partial']) mkdirSync(path.join(state, name), { recursive: true })
  writeFileSync(path.join(state, 'status'), '')
  writeFileSync(path.join(state, 'sources.list'), `deb [signed-by=${KEYS}] ${findArchive()} unstable main\n`)
  const options = {
    'Dir::State::Lists': path.join(state, 'lists'),
    'Dir::State::status': path.join(state, 'status'),
    'Dir::Cache': path.join(state, 'cache'),
    'Dir::Etc::SourceList': path.join(state, 'sources.list'),
    'Dir::Etc::SourceParts': '-',
    'APT::Sandbox::User': '', // it would need to write to a folder of ours
    'Acquire::Languages': 'none',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  run('apt-get', ['update', ...flags], into)
  run('apt-get', ['download', ...flags, ...PACKAGES], into)
}

/** The path of the library with this name, in the unpacked packages. */
function findLibrary(root, name) {
  const found = readdirSync(path.join(root, 'usr', 'lib'), { recursive: true }).find((file) => name.test(file))
  if (found) return path.join('usr', 'lib', found)
  console.error(`The packages of CPython ${version} have no library ${name}.`)
  process.exit(1)
}

if (!existsSync(starter)) {
  const making = path.join(pythons, `.${version}`)
  rmSync(making, { recursive: true, force: true })
  mkdirSync(making, { recursive: true })
  download(making)
  const packages = readdirSync(making).filter((name) => name.endsWith('.deb'))
  for (const name of packages) run('dpkg-deb', ['--extract', name, '.'], making)
  for (const name of [...packages, 'apt']) rmSync(path.join(making, name), { recursive: true })
  const linker = findLibrary(making, /^[^/]+\/ld-linux-[^/]+$/)
  const libraries = path.dirname(findLibrary(making, /^[^/]+\/libc\.so\.6$/))
  // multiprocessing starts its fork server with sys.executable, which would be the dynamic linker.
  const customize = path.join(making, 'usr', 'lib', `python${version}`, 'sitecustomize.py')
  rmSync(customize, { force: true }) // a link to /etc
  writeFileSync(customize, "import os, sys\nsys.executable = os.environ['FORKSERVER_PYTHON_STARTER']\n")
  writeFileSync(
    path.join(making, path.basename(starter)),
    [
      '#!/bin/sh',
      'here=$(dirname "$(readlink -f "$0")")',
      `export PYTHONHOME="$here/usr" FORKSERVER_PYTHON_STARTER="$here/${path.basename(starter)}"`,
      `exec "$here/${linker}" --library-path "$here/${libraries}" "$here/usr/bin/python${version}" "$@"`,
      '',
    ].join('\n'),
  )
  chmodSync(path.join(making, path.basename(starter)), 0o755)
  rmSync(folder, { recursive: true, force: true })
  renameSync(making, folder)
}
console.log(starter)
