// Runs in: npm's prepare and build steps. Compiles native/*/*.c with the system's C compiler into
// native/build/<platform>-<arch>.node.
//
// It is one call of cc with the headers of the package node-api-headers. node-gyp would need Python, make and a
// download of headers. The addon uses only Node-API, so one binary works with every Node. Without a compiler, or not on
// Linux, the script says so and succeeds; the start method is then `spawn`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const native = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'native')
const output = path.join(native, 'build', `${process.platform}-${process.arch}.node`)

function isUpToDate(sources) {
  if (!existsSync(output)) return false
  const built = statSync(output).mtimeMs
  return [...sources, fileURLToPath(import.meta.url)].every((file) => statSync(file).mtimeMs < built)
}

function build() {
  if (process.platform !== 'linux')
    return console.log(`forkserver: no addon on ${process.platform}; the start method is spawn`)
  const files = readdirSync(native, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.[ch]$/.test(name))
    .map((name) => path.join(native, name))
  if (isUpToDate(files)) return
  const headers = createRequire(import.meta.url)('node-api-headers').include_dir
  mkdirSync(path.dirname(output), { recursive: true })
  const compiler = process.env.CC ?? 'cc'
  const flags = [
    '-std=gnu11',
    '-D_GNU_SOURCE',
    '-O2',
    '-g',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-fPIC',
    '-shared',
    '-fvisibility=hidden',
    '-pthread',
    `-I${headers}`,
  ]
  const partial = `${output}.${process.pid}`
  const sources = files.filter((file) => file.endsWith('.c'))
  const { status, error } = spawnSync(compiler, [...flags, ...sources, '-o', partial, '-ldl'], { stdio: 'inherit' })
  if (error)
    return console.log(
      `forkserver: no C compiler (${error.message}); the start method is spawn. Install one (gcc) and run npm rebuild`,
    )
  if (status !== 0) {
    process.exitCode = 1
    return console.error(`forkserver: ${compiler} failed with exit code ${status}`)
  }
  // Replace the file in one step, because another process may be loading the old one.
  renameSync(partial, output)
}

build()
