// Runs in: `npm run build:prebuilds`, before `npm pack`. Compiles native/ for each processor whose libraries are in the
// package, into native/prebuilds. The same sources and the same compiler make the same bytes.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { compile, isUpToDate, librariesFor, sourceHash } from './native-libraries.mjs'
import { PACKED_ARCHITECTURES, PREBUILDS } from './prebuilds.mjs'

const hash = sourceHash()
mkdirSync(PREBUILDS, { recursive: true })
for (const arch of PACKED_ARCHITECTURES) {
  for (const library of librariesFor(arch)) {
    if (isUpToDate(path.join(PREBUILDS, library.name), hash)) continue
    const problem = compile({ library, arch, folder: PREBUILDS, hash, stripped: true })
    if (!problem) continue
    console.error(`forkserver: ${library.name} could not be made. ${problem}`)
    console.error('On Debian and Ubuntu: apt-get install gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross')
    process.exit(1)
  }
}
