// Runs in: `npm run build:prebuilds` and before packing. Which version of glibc a native library needs.
//
// The libraries name no version (scripts/native-libraries.mjs). The dynamic linker then takes the oldest one of a
// function. That is right only if the oldest one does the same as the one that the headers describe. So this looks each
// function up in the C library of the compiler: its oldest version tells which glibc has it, and all of its versions
// must be one and the same code.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { compilerFor } from './native-libraries.mjs'

/** The glibc that Node 20 to 26 were built with, so all that run them have it. */
export const OLDEST_GLIBC = '2.28'

/** Where glibc 2.28 has its functions; Node is linked with all of them. */
const C_LIBRARIES = ['libc.so.6', 'libdl.so.2', 'libpthread.so.0', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1']

/** memcpy() before 2.14 moved bytes as memmove() does, also between overlapping places. */
const OLDER_VERSION_SERVES = new Set(['memcpy'])

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20 })
  if (error || status !== 0) throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`)
  return stdout
}

/** The dynamic symbols of a library. */
function symbolsOf(file) {
  return run('readelf', ['--wide', '--dyn-syms', file])
    .split('\n')
    .flatMap((line) => {
      const [number, value, , type, bind, , section, name] = line.trim().split(/\s+/)
      if (!/^\d+:$/.test(number ?? '') || !name) return []
      const [symbol, version] = name.split(/@+/)
      return [{ symbol, version, value, type, bind, isDefined: section !== 'UND' }]
    })
}

/** What the C library for a processor defines: for each function, its versions and its addresses. */
function cLibraryOf(arch) {
  const { command, args } = compilerFor(arch)
  const defined = new Map()
  for (const library of C_LIBRARIES) {
    const file = run(command, [...args, `-print-file-name=${library}`]).trim()
    if (!path.isAbsolute(file)) continue // the name comes back if there is no such file: another processor's linker
    for (const { symbol, version, value, type, isDefined } of symbolsOf(file)) {
      const match = /^GLIBC_(\d+(?:\.\d+)+)$/.exec(version ?? '')
      if (!isDefined || !match || type === 'OBJECT') continue
      if (!defined.has(symbol)) defined.set(symbol, { versions: new Set(), codes: new Map() })
      const { versions, codes } = defined.get(symbol)
      versions.add(match[1])
      // By library: before 2.34, libpthread has copies of some functions of libc.
      codes.set(library, (codes.get(library) ?? new Set()).add(value))
    }
  }
  return defined
}

const compareVersions = (one, other) => one.localeCompare(other, 'en', { numeric: true })

/** The functions of Node that the addon may use: Node-API, and libuv's. */
function isOfNode(symbol) {
  const { symbols } = createRequire(import.meta.url)('node-api-headers')
  const napi = Object.values(symbols).flatMap(({ js_native_api_symbols, node_api_symbols }) => [
    ...js_native_api_symbols,
    ...node_api_symbols,
  ])
  return symbol.startsWith('uv_') || napi.includes(symbol)
}

/** The problems of a library, as sentences; none if it loads with the oldest glibc. */
export function glibcProblems(file, arch) {
  const defined = cLibraryOf(arch)
  const name = path.basename(file)
  return symbolsOf(file).flatMap(({ symbol, version, isDefined, bind }) => {
    if (isDefined || !symbol || bind === 'WEAK' || isOfNode(symbol)) return []
    if (version) return [`${name} demands ${symbol} of version ${version}: it was not linked with -nostdlib.`]
    const found = defined.get(symbol)
    if (!found) return [`${name} uses ${symbol}, which neither Node nor glibc has.`]
    const oldest = [...found.versions].sort(compareVersions)[0]
    if (compareVersions(oldest, OLDEST_GLIBC) > 0)
      return [`${name} uses ${symbol}, which glibc has since ${oldest} only. It must work with ${OLDEST_GLIBC}.`]
    if ([...found.codes.values()].some((codes) => codes.size > 1) && !OLDER_VERSION_SERVES.has(symbol))
      return [`${name} uses ${symbol}, whose versions in glibc differ. It would get the oldest one.`]
    return []
  })
}
