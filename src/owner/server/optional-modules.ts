// Runs in: owner. Pure. If a template cannot be started with its optional modules: which of them the next attempt does
// without.
import { type Finding, TemplateError } from '../../errors.js'
import type { PreloadModule } from '../../wire/startup.js'

/** The most attempts to start one template. The last one does without any optional module. */
const MAX_ATTEMPTS = 5

/**
 * @param error why the start failed
 * @param preload what the template had to load
 * @param attempt the number of the start that failed, from 1
 * @param strict whether suspicious things ended it, too
 * @returns a finding or more for each module to leave out; none if that would not help
 */
export function toLeaveOut(
  error: unknown,
  { preload, attempt, strict }: { preload: readonly PreloadModule[]; attempt: number; strict: boolean },
): Finding[] {
  const optional = new Set(preload.filter((entry) => entry.optional).map(({ module }) => module))
  if (optional.size === 0 || attempt >= MAX_ATTEMPTS || !(error instanceof TemplateError)) return []
  const stops = error.findings.filter(({ severity }) => strict || severity !== 'suspicious')
  const isOptional = ({ module }: Finding): boolean => module !== null && optional.has(module)
  if (stops.some((finding) => finding.module !== null && !isOptional(finding))) return []
  const blamed = stops.filter(isOptional)
  if (blamed.length > 0 && attempt < MAX_ATTEMPTS - 1) return blamed
  // Nobody knows which of the others it was.
  const what = error.findings[0]?.what ?? error.message
  const others = [...optional].filter((module) => !blamed.some((finding) => finding.module === module))
  return [...blamed, ...others.map((module): Finding => ({ module, what, severity: 'unknown' }))]
}
