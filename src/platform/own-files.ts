// Runs in: owner, template and child. Where forkserver's own files are: the mains of its processes, and the addon.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.js'

/** The path of a file; `name` is relative to the folder of the compiled sources. */
export function ownFile(name: string): string {
  // A bundler that makes CommonJS leaves import.meta empty.
  const from: string | undefined = import.meta.url
  return from ? fileURLToPath(new URL(`../${name}`, from)) : name
}

/**
 * Checks that forkserver was not bundled: a bundle has its code, but not the files that its processes start with.
 * @throws UsageError ERR_UNSUPPORTED
 */
export function checkNotBundled(): void {
  const main = ownFile('main/template.js')
  if (existsSync(main)) return
  const text =
    `forkserver cannot find its own file ${main}, because it was bundled with the program. Leave it out of the ` +
    "bundle and install it beside: esbuild --external:forkserver, rollup external: ['forkserver'], webpack " +
    "externals: { forkserver: 'module forkserver' }, ncc --external forkserver. The modules of jobs must stay files " +
    'of their own, too (docs/SETUPS.md).'
  throw new UsageError('ERR_UNSUPPORTED', text)
}
