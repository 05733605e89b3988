// Runs in: template. The last steps before it serves: garbage out, memory back to the kernel, and the report of what it holds.
import { readdirSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import vm from 'node:vm'
import type { Native } from '../native.js'
import type { TemplateReport } from '../startup.js'

/**
 * Collects garbage twice (the first run leaves what finalizers held) and returns freed memory to the kernel: whatever is mapped here
 * is paid for by every fork. The last resort of V8 also gives back what young objects had filled, 2 to 3 MB (Node 20 does not know
 * it). gc() comes from a context of its own, so that no child has a global named gc.
 */
export function collectGarbage(native: Native): void {
  setFlagsFromString('--expose-gc')
  const gc = vm.runInNewContext('gc') as (options: object) => void
  setFlagsFromString('--no-expose-gc')
  gc({ type: 'major', execution: 'sync' })
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  native.trimMemory()
}

/** What keeps the event loop alive, in Node's words: 'Timeout', 'TCPSocketWrap', ... each once, with how many there are. */
export function namesOfActive(): string[] {
  const counts = new Map<string, number>()
  for (const name of process.getActiveResourcesInfo()) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].map(([name, count]) => (count > 1 ? `${name} (${count})` : name))
}

/** What the template holds now. */
export function makeReport(warnings: string[]): TemplateReport {
  const memory = process.memoryUsage()
  return {
    pid: process.pid,
    startMs: Math.round(performance.now()),
    rssBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length - 1,
    mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1,
    warnings,
  }
}
