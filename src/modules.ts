// Runs in: template and child. import() as the program's own modules would call it.
import path from 'node:path'
import vm from 'node:vm'

/** Namespaces of the modules that are loaded already, by the specifier that named them. */
export type LoadedModules = ReadonlyMap<string, object>

type Import = (specifier: string) => Promise<object>

/**
 * Imports a module by URL, or by a package name that is looked up from the working directory. import() in a file of forkserver
 * would look for packages from its own folder; a script that claims to lie in the working directory looks from there.
 */
export function importModule(specifier: string): Promise<object> {
  if (URL.canParse(specifier)) return import(specifier) as Promise<object>
  const script = new vm.Script('(specifier) => import(specifier)', {
    filename: path.join(process.cwd(), '[forkserver]'),
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  return (script.runInThisContext() as Import)(specifier)
}
