// Runs in: owner. What forkserver/register does, loaded when the process starts its first process.
import type { ChildProcess } from 'node:child_process'
import { templates } from './fork-templates.js'
import { prepare, type SpawnOptions } from './through-template.js'

// A test runner starts many processes: its template starts with the first of them.
if (process.execArgv.includes('--test')) templates.startsAt = 1
templates.learns = true

/** Is called before a ChildProcess is spawned. */
export function beforeSpawn(child: ChildProcess, options: SpawnOptions): void {
  prepare(child, options, templates)
}
