// Runs in: the scripts that build and check the native libraries. What is built from native/, and how.
//
// There are two libraries: the addon, and the library that a template preloads. Each needs one call of the C compiler,
// and the headers of the package node-api-headers; node-gyp would need Python, make and a download of headers. The
// addon uses Node-API only, so one binary serves every Node.
//
// They are linked without the C library (-nostdlib). So they do not say from which version of glibc a function must
// come, and take what the running Node's C library has. A library that was linked with glibc 2.34 would demand 2.34 for
// pthread_create(), which all have. scripts/needed-glibc.mjs checks that this is right for each function.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** GNU's names of the processors: `${name}-linux-gnu-gcc` compiles for them. */
const GNU_NAMES = { x64: 'x86_64', arm64: 'aarch64' }

/** The folders and files, relative to ROOT, on which the libraries depend. */
const FOLDERS = ['native/fork', 'native/glue', 'native/os', 'native/preload']
const RECIPE = 'scripts/native-libraries.mjs'

// Sorted: the order in which a folder lists its files is not the same on each machine, and the linker keeps the order.
const filesIn = (folder, ending) =>
  readdirSync(path.join(ROOT, folder))
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => `${folder}/${name}`)

const apiHeaders = () => createRequire(import.meta.url)('node-api-headers').include_dir

/** The two libraries for a processor: the names of their files, and what the compiler gets. */
export function librariesFor(arch) {
  return [
    {
      name: `linux-${arch}.node`,
      arguments: () => [
        `-I${apiHeaders()}`,
        ...['native/glue', 'native/fork', 'native/os'].flatMap((folder) => filesIn(folder, '.c')),
      ],
    },
    {
      name: `linux-${arch}-preload.so`,
      arguments: () => [
        '-Wl,--version-script=native/preload/exports.map',
        ...filesIn('native/preload', '.c'),
        'native/os/lifeline.c',
      ],
    },
  ]
}

/** The compiler for a processor: its name, and the arguments that come first (CC="ccache gcc"). */
export function compilerFor(arch) {
  const [command, ...args] = (arch === process.arch && process.env.CC?.trim().split(/\s+/)) || []
  return { command: command ?? (arch === process.arch ? 'cc' : `${GNU_NAMES[arch]}-linux-gnu-gcc`), args }
}

/** A hash of all that the libraries are made of. It is their build ID, so each says from which sources it was made. */
export function sourceHash() {
  const hash = createHash('sha1')
  const headers = readdirSync(apiHeaders()).sort()
  const files = [
    ...FOLDERS.flatMap((folder) => filesIn(folder, ''))
      .concat(RECIPE)
      .map((name) => [name, path.join(ROOT, name)]),
    ...headers.map((name) => [name, path.join(apiHeaders(), name)]),
  ]
  for (const [name, file] of files) {
    const content = readFileSync(file)
    hash.update(`${name}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

/** Whether a library is there and was made from the present sources. */
export const isUpToDate = (file, hash) => existsSync(file) && readFileSync(file).includes(Buffer.from(hash, 'hex'))

function flagsFor(arch, hash) {
  return [
    ...'-std=gnu11 -D_GNU_SOURCE -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden -pthread -nostdlib'.split(' '),
    ...(process.env.CI ? ['-Werror'] : []), // a newer compiler, with warnings of its own, must not fail an install
    // The functions for atomics that GCC calls on arm64 by default ask the C library for the processor's features.
    ...(arch === 'arm64' ? ['-mno-outline-atomics'] : []),
    // No path of this machine may be in the libraries, so that the same sources make the same bytes everywhere.
    `-ffile-prefix-map=${ROOT}=.`,
    `-Wl,--build-id=0x${hash}`,
    // The linker looks functions up when it loads the file. Otherwise each child would look up those that it calls
    // first.
    '-Wl,-z,now',
  ]
}

/**
 * Compiles one library. Returns undefined if it worked, or what went wrong, as a sentence.
 *
 * @param stripped whether the library gets no debug information
 */
export function compile({ library, arch, folder, hash, stripped }) {
  const { command, args } = compilerFor(arch)
  const output = path.join(folder, library.name)
  const partial = `${output}.${process.pid}`
  const flags = [...args, ...flagsFor(arch, hash), stripped ? '-s' : '-g']
  const { status, signal, error, stderr } = spawnSync(
    command,
    [...flags, ...library.arguments(), '-o', partial, '-lgcc'],
    { cwd: ROOT, encoding: 'utf8' },
  )
  if (error) return `The C compiler ${command} did not run (${error.message}).`
  if (status !== 0)
    return `The C compiler ${command} failed (${signal ?? `exit code ${status}`}):\n${lastLines(stderr)}`
  if (stderr) console.error(stderr.trimEnd()) // warnings
  renameSync(partial, output) // whole or not at all: another process may be loading the old one
  return undefined
}

const LINES_SHOWN = 15
const lastLines = (text) => text.trimEnd().split('\n').slice(-LINES_SHOWN).join('\n')
