// Runs in: template and child; the owner asks whether a module is being imported. Imports modules as the
// import() of the program's own modules does.
import Module from 'node:module'
import path from 'node:path'

/** Namespaces of the modules that the template loaded, by the specifier that named them. */
const loaded = new Map<string, object>()

/**
 * A child finds this module without Node's loader, which takes a tenth of a millisecond for a
 * module that it has loaded.
 */
export function rememberModule(specifier: string, namespace: object): void {
  loaded.set(specifier, namespace)
}

/** The modules that importModule() imports now. */
const importing = new Map<string, number>()

/**
 * Whether importModule() imports this module now. If so, the caller runs at the module's top
 * level, or during its import.
 */
export function isBeingImported(specifier: string): boolean {
  return importing.has(specifier)
}

interface Importer {
  exports: (specifier: string) => Promise<object>
  _compile(code: string, filename: string): void
}

/**
 * Imports a module by URL, or by a package name that is looked up from the working directory, with the conditions of
 * import(). import() in a file of forkserver would look for packages from its own folder. So a CommonJS module that
 * exists in memory only, and whose file would lie in the working directory, calls it.
 */
export async function importModule(specifier: string): Promise<object> {
  const known = loaded.get(specifier)
  if (known) return known
  importing.set(specifier, (importing.get(specifier) ?? 0) + 1)
  try {
    return await importMain(specifier)
  } finally {
    const others = importing.get(specifier)! - 1
    if (others > 0) importing.set(specifier, others)
    else importing.delete(specifier)
  }
}

/**
 * As importModule(), for the main of a program. The main does not count as being imported: it may check
 * import.meta.main and then start processes for functions of its own file.
 */
export function importMain(specifier: string): Promise<object> {
  if (URL.canParse(specifier)) return import(specifier) as Promise<object>
  const filename = path.join(process.cwd(), '[forkserver]')
  const importer = new Module(filename) as unknown as Importer
  importer._compile('module.exports = (specifier) => import(specifier)', filename)
  return importer.exports(specifier)
}
