// Runs in: template. Loads what children should find loaded: Node's own modules, and runs the warm-up.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createSecureContext } from 'node:tls'
import { UsageError } from '../errors.js'
import { importModule } from '../platform/import-module.js'
import type { Warmup } from '../wire/startup.js'
import { decodeValue } from '../wire/values/clone.js'

/** Modules of Node that programs commonly use. A child that is the first to load one compiles it: 5 to 10 ms. */
const BUILT_INS = [
  'assert', 'async_hooks', 'buffer', 'child_process', 'crypto', 'dns', 'events', 'fs', 'fs/promises', 'http', 'https',
  'module', 'net', 'os', 'path', 'perf_hooks', 'querystring', 'readline', 'stream', 'stream/promises', 'string_decoder',
  'tls', 'tty', 'url', 'util', 'v8', 'vm', 'worker_threads', 'zlib',
] // biome-ignore format: a table

/** Whether the address space of this process is limited (ulimit -v). */
function isAddressSpaceLimited(): boolean {
  return !/^Max address space +unlimited/m.test(readFileSync('/proc/self/limits', 'latin1'))
}

/** Loads Node's own modules. */
export function loadBuiltIns(): void {
  const require = createRequire(import.meta.url)
  for (const name of BUILT_INS) require(`node:${name}`)
  // Node 24 and later read these certificates on a thread of their own, as soon as tls is loaded; this waits for the
  // result.
  if (process.env.NODE_EXTRA_CA_CERTS || process.env.NODE_USE_SYSTEM_CA) createSecureContext()
  // fetch and its classes are one bundle that Node loads at first use. In Node 20 and 22 it reserves 10 GB of address
  // space at once.
  if (!isAddressSpaceLimited()) void globalThis.Headers
}

/** Runs the warm-up, a function of a module. Its result does not matter. */
export async function warmUp({ module, name, args }: Warmup): Promise<void> {
  const namespace = await importModule(module)
  const warmup = (namespace as Record<string, unknown>)[name]
  if (typeof warmup !== 'function')
    throw new UsageError('ERR_NOT_EXPORTED', `The warm-up '${name}' is not a function that ${module} exports.`)
  await warmup(...(args === undefined ? [] : (decodeValue(Buffer.from(args, 'base64')) as unknown[])))
}
