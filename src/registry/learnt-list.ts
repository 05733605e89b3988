// Runs in: owner. Pure. A list of modules that processes of a tool were seen to load, which the next template preloads;
// and the text of the file that keeps it.
import path from 'node:path'
import type { Finding } from '../errors.js'

/** More modules are not learnt: a list is no copy of node_modules. */
export const MAX_MODULES = 500

/** What was learnt. Modules are paths relative to the project, with slashes. */
export interface LearntList {
  /** In the order in which they were learnt. */
  readonly modules: readonly string[]
  /** Modules that must not be preloaded, and why. They are not learnt again. */
  readonly struck: Readonly<Record<string, string>>
}

export const EMPTY_LIST: LearntList = { modules: [], struck: {} }

/** A path of a module inside a package, that does not leave the project. */
const isInPackage = (path: string): boolean =>
  /^(?!\/)(.*\/)?node_modules\//s.test(path) && !path.split('/').includes('..')

/**
 * Adds modules. Those outside the project or outside of packages are left out, as are those that were struck off.
 * Returns the same list if there is nothing new.
 *
 * @param urls file URLs
 * @param project the URL of the project's folder, with a slash at its end
 */
export function merge(list: LearntList, urls: readonly string[], project: string): LearntList {
  const modules = new Set(list.modules)
  for (const url of urls) {
    if (!url.startsWith(project) || modules.size >= MAX_MODULES) continue
    const module = decodeURIComponent(url.slice(project.length))
    if (isInPackage(module) && !Object.hasOwn(list.struck, module)) modules.add(module)
  }
  return modules.size === list.modules.length ? list : { ...list, modules: [...modules] }
}

/**
 * Strikes off what a template had to do without. Returns the same list if that is nothing.
 *
 * @param skipped of the template's report
 * @param project as for merge()
 */
export function strikeOff(list: LearntList, skipped: readonly Finding[], project: string): LearntList {
  const struck = { ...list.struck }
  for (const { module: url, what, severity } of skipped) {
    if (severity === 'unknown') continue // it may be another one, or none: the next run tries it again
    const module = url?.startsWith(project) ? decodeURIComponent(url.slice(project.length)) : undefined
    if (module !== undefined && list.modules.includes(module)) struck[module] ??= what
  }
  const modules = list.modules.filter((module) => !Object.hasOwn(struck, module))
  return modules.length === list.modules.length ? list : { modules, struck }
}

/** The modules as absolute paths. */
export function pathsOf(list: LearntList, folder: string): string[] {
  return list.modules.map((module) => path.join(folder, module))
}

/** The modules as file URLs. */
export function urlsOf(list: LearntList, project: string): string[] {
  return list.modules.map((module) => project + module.split('/').map(encodeURIComponent).join('/'))
}

/** @param stamp what the list was learnt from: with another one it is worth nothing */
export function format(list: LearntList, stamp: string): string {
  return `${JSON.stringify({ stamp, ...list }, null, 2)}\n`
}

/** Reads what format() wrote. Of another stamp, or of a text that is broken, it is an empty list. */
export function parse(text: string, stamp: string): LearntList {
  try {
    const read = JSON.parse(text) as { stamp?: unknown; modules?: unknown; struck?: unknown }
    if (read.stamp !== stamp || !Array.isArray(read.modules) || typeof read.struck !== 'object') return EMPTY_LIST
    const struck = Object.fromEntries(Object.entries(read.struck ?? {}).filter(([, why]) => typeof why === 'string'))
    const modules = (read.modules as unknown[]).filter(
      (module): module is string => typeof module === 'string' && isInPackage(module) && !Object.hasOwn(struck, module),
    )
    return { modules: [...new Set(modules)].slice(0, MAX_MODULES), struck: struck as Record<string, string> }
  } catch {
    return EMPTY_LIST
  }
}
