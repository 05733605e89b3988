// Runs in: npm's prepare and build steps. Compiles native/ with the system's C compiler into two files in
// native/build: the addon and the library that a template preloads.
//
// It needs one call of cc for each, and the headers of the package node-api-headers; node-gyp would need Python, make
// and a download of headers. The addon uses Node-API only, so one binary serves every Node. Without a compiler, or if
// this is not Linux, the script says so and succeeds: the start method is then `spawn`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const native = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'native')
const build = path.join(native, 'build')
const platform = `${process.platform}-${process.arch}`
const compiler = process.env.CC ?? 'cc'
const FLAGS = [
  ...'-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror'.split(' '),
  ...'-fPIC -shared -fvisibility=hidden -pthread'.split(' '),
  // The linker looks functions up when it loads the file. Otherwise each child would look up those that it calls first.
  '-Wl,-z,now',
]

const filesIn = (...folders) =>
  folders.flatMap((folder) => readdirSync(path.join(native, folder)).map((name) => path.join(native, folder, name)))
const sources = (files) => files.filter((file) => file.endsWith('.c'))

/** What is built: the name of the file, and what the compiler gets. */
const TARGETS = [
  {
    output: `${platform}.node`,
    arguments: () => [
      `-I${createRequire(import.meta.url)('node-api-headers').include_dir}`,
      ...sources(filesIn('glue', 'fork', 'os')),
    ],
  },
  {
    output: `${platform}-preload.so`,
    arguments: () => [
      `-Wl,--version-script=${path.join(native, 'preload', 'exports.map')}`,
      ...sources(filesIn('preload')),
      path.join(native, 'os', 'lifeline.c'),
    ],
  },
]

function isUpToDate() {
  const outputs = TARGETS.map(({ output }) => path.join(build, output))
  if (!outputs.every((file) => existsSync(file))) return false
  const built = Math.min(...outputs.map((file) => statSync(file).mtimeMs))
  const inputs = [...filesIn('glue', 'fork', 'os', 'preload'), fileURLToPath(import.meta.url)]
  return inputs.every((file) => statSync(file).mtimeMs < built)
}

/** Returns whether it worked. */
function compile(target) {
  const output = path.join(build, target.output)
  const partial = `${output}.${process.pid}`
  const { status, error } = spawnSync(compiler, [...FLAGS, ...target.arguments(), '-o', partial, '-ldl'], {
    stdio: 'inherit',
  })
  if (error) {
    const advice = 'The start method is spawn. To fork, install a C compiler (gcc) and run npm rebuild.'
    console.log(`forkserver: the C compiler ${compiler} did not run (${error.message}). ${advice}`)
    return false
  }
  if (status !== 0) {
    process.exitCode = 1
    console.error(`forkserver: ${compiler} failed with exit code ${status}`)
    return false
  }
  renameSync(partial, output) // whole or not at all: another process may be loading the old one
  return true
}

function buildAll() {
  if (process.platform !== 'linux')
    return console.log(`forkserver: no addon on ${process.platform}; the start method is spawn`)
  if (isUpToDate()) return
  mkdirSync(build, { recursive: true })
  TARGETS.every(compile)
}

buildAll()
