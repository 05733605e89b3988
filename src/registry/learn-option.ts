// Runs in: owner. Pure. The option `learn` of tools: whether templates load the packages that processes were seen to
// load, and which of them not.
import { boolean, type Check, either, listOf, nested, string } from '../options/option-checks.js'

/** Packages that are not learnt, by their names. */
export interface LearnExceptions {
  /** Names of packages, such as `dotenv` or `@scope/name`. */
  exclude: readonly string[]
}

/** Takes the option `learn`. */
export const learning: Check<boolean | LearnExceptions> = either<boolean | LearnExceptions>(
  "true, false, or { exclude: ['name of a package'] }",
  boolean,
  (value, site) => {
    const { exclude = [] } = nested<Partial<LearnExceptions>>({ exclude: listOf(string) })(value, site)
    return { exclude }
  },
)

/** The option as a TemplateRequest has it. */
export function learningOf(learn: boolean | LearnExceptions = true): { learns: boolean; exclude: readonly string[] } {
  return typeof learn === 'boolean' ? { learns: learn, exclude: [] } : { learns: true, exclude: learn.exclude }
}

/** Whether a module, by its path or URL, is in one of these packages. */
export function isIn(module: string, packages: readonly string[]): boolean {
  if (packages.length === 0) return false
  const [, name] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//s.exec(module) ?? []
  return name !== undefined && packages.includes(name)
}
