// Runs in: `npm install` in a clone, and `npm run build`. Compiles native/ for this machine, into native/build.
//
// It never fails: without a compiler that works, processes are spawned instead of forked, and forkserver says so.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { compile, isUpToDate, librariesFor, ROOT, sourceHash } from './native-libraries.mjs'

const ADVICE = 'To fork, install a C compiler (gcc) and run npm run build.'

function build() {
  if (process.platform !== 'linux') return `There is no addon for ${process.platform}.`
  const arch = process.arch
  const folder = path.join(ROOT, 'native', 'build')
  const hash = sourceHash()
  mkdirSync(folder, { recursive: true })
  for (const library of librariesFor(arch)) {
    if (isUpToDate(path.join(folder, library.name), hash)) continue
    const problem = compile({ library, arch, folder, hash, stripped: false })
    if (problem) return `${problem}\n${ADVICE}`
  }
  return undefined
}

const problem = build()
if (problem) console.error(`forkserver: the start method is spawn. ${problem}`)
