// Runs in: template. Its report when it is ready: modules, handles, memory and threads.
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import type { Finding } from '../errors.js'
import type { TemplateReport } from '../wire/startup.js'

/**
 * Threads for V8's concurrent work in a child. Each costs a tenth of a millisecond at birth, and most children need
 * none.
 */
const WORKER_THREADS = 1

/** How many a child gets: what --v8-pool-size says, if the template was started with it, else one. */
export function workerThreads(execArgv: readonly string[]): number {
  const given = execArgv.findLast((flag) => /^--v8-pool-size=\d+$/.test(flag))
  if (!given) return WORKER_THREADS
  return Number(given.split('=')[1]) || Math.max(1, os.availableParallelism() - 1) // 0 leaves it to Node
}

/** Reports what the template holds now. The owner knows what was skipped. */
export function makeReport(findings: Finding[]): Omit<TemplateReport, 'coldBytes' | 'hotBytes' | 'notFlat'> {
  const memory = process.memoryUsage()
  return {
    pid: process.pid,
    startMs: Math.round(performance.now()),
    rssBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length - 1,
    mappings: readFileSync('/proc/self/maps', 'latin1').split('\n').length - 1,
    findings,
    skipped: [],
  }
}
