// Runs in: child, however it was born. With the option recordModules: which modules of packages a job loads beyond its
// template, so that a later template can preload them. Only the modules count that the program's own code asks for.
// What these load in turn comes with them.
//
// CommonJS modules are found in Node's cache at the end, which costs a job nothing. ES modules are in no cache that a
// program sees, so a hook hears their names. Node 20 has hooks only in a thread; there ES modules are not recorded.
import Module, { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

interface CachedModule {
  filename: string | null
  /** The module that required it; none for a main, and for one that an ES module imported. */
  parent?: CachedModule | null
}

type ResolveHook = (
  specifier: string,
  context: { parentURL?: string | undefined; conditions: readonly string[] },
  next: (specifier: string, context: object) => { url: string },
) => { url: string }

const { registerHooks } = Module as unknown as { registerHooks?(hooks: { resolve: ResolveHook }): unknown }

const IN_PACKAGE = /\/node_modules\//

interface Recording {
  /** The files that the template had loaded. */
  known: ReadonlySet<string>
  cache: Readonly<Record<string, CachedModule | undefined>>
  /** The URLs of what was imported, which the template may have loaded, too. */
  imported: Set<string>
}

let recording: Recording | undefined

/** Begins to record. What is loaded by now counts as the template's. */
export function beginRecording(): void {
  const cache = createRequire(import.meta.url).cache as Recording['cache']
  const imported = new Set<string>()
  recording = { known: new Set(Object.keys(cache)), cache, imported }
  registerHooks?.({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context)
      const { parentURL = '', conditions } = context
      if (conditions.includes('import') && isEntry(found.url, parentURL)) imported.add(found.url)
      return found
    },
  })
}

/** The URLs of the modules that were loaded since, each once; undefined if nobody records. */
export function recordedModules(): string[] | undefined {
  if (!recording) return undefined
  const { known, cache, imported } = recording
  const urls = new Set(imported)
  for (const [file, module] of Object.entries(cache)) {
    const url = pathToFileURL(file).href
    const by = module?.parent?.filename
    // An ES module imported it: the hook has heard who did. Without a hook it may have been another package.
    if (!by && registerHooks) continue
    if (!known.has(file) && isEntry(url, by ? pathToFileURL(by).href : '')) urls.add(url)
  }
  for (const file of known) urls.delete(pathToFileURL(file).href)
  return [...urls]
}

/** Whether this is a module of a package that the program's own code asked for. The main may be of a package, too. */
function isEntry(url: string, parentUrl: string): boolean {
  const main = pathToFileURL(process.argv[1] ?? '').href
  if (!url.startsWith('file:') || !IN_PACKAGE.test(url) || url === main) return false
  return !IN_PACKAGE.test(parentUrl) || parentUrl === main
}
