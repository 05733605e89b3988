// Runs in: `npm run build:prebuilds`, before `npm pack`. Compiles native/ for each processor whose libraries are in the
// package, into native/prebuilds. The same sources and the same compiler make the same bytes.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { compile, isUpToDate, librariesFor, sourceHash } from './native-libraries.mjs'
import { glibcProblems } from './needed-glibc.mjs'
import { PACKED_ARCHITECTURES, PREBUILDS } from './prebuilds.mjs'

const hash = sourceHash()

/** The problems of a library that is made now, as sentences. */
function make(library, arch) {
  const file = path.join(PREBUILDS, library.name)
  if (isUpToDate(file, hash)) return []
  const problem = compile({ library, arch, folder: PREBUILDS, hash, stripped: true })
  if (!problem) return glibcProblems(file, arch)
  const packages = 'gcc binutils gcc-aarch64-linux-gnu libc6-dev-arm64-cross'
  return [`${library.name} could not be made. ${problem}\nOn Debian and Ubuntu: apt-get install ${packages}`]
}

mkdirSync(PREBUILDS, { recursive: true })
const problems = PACKED_ARCHITECTURES.flatMap((arch) => librariesFor(arch).flatMap((library) => make(library, arch)))
for (const problem of problems) console.error(`forkserver: ${problem}`)
process.exitCode = problems.length > 0 ? 1 : 0
