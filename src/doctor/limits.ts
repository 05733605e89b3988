// Runs in: owner. The limits of this process and of its control group that matter to programs that start many
// processes.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Finding, Limit } from './diagnosis.js'

/** Below this, a limit is reported. */
const FEW_FILES = 1_024
const FEW_PROCESSES = 128

/** The first file that can be read, or undefined. */
function read(...files: readonly string[]): string | undefined {
  for (const file of files) {
    try {
      return readFileSync(file, 'utf8')
    } catch {}
  }
  return undefined
}

function numberOf(text: string | undefined): number | null {
  const value = Number(text?.trim() || Number.NaN)
  return Number.isSafeInteger(value) ? value : null
}

function limitOf(text: string | undefined): Limit['value'] {
  return text !== undefined && /^(max|unlimited)$/.test(text.trim()) ? 'unlimited' : numberOf(text)
}

/** The soft limit of a row of /proc/self/limits. */
function ownLimit(limits: string | undefined, row: string): Limit['value'] {
  return limitOf(new RegExp(`^${row} +(\\S+)`, 'm').exec(limits ?? '')?.[1])
}

/** A file of the control group of this process: of version 2, or of a controller of version 1. */
function groupFile(controller: string, name: string): string | undefined {
  const groups = read('/proc/self/cgroup') ?? ''
  const second = /^0::(.*)$/m.exec(groups)?.[1]
  const first = new RegExp(`^\\d+:(?:[\\w=]+,)*${controller}(?:,[\\w=]+)*:(.*)$`, 'm').exec(groups)?.[1]
  const places: string[] = []
  if (first !== undefined) places.push(path.join('/sys/fs/cgroup', controller, first, name))
  if (second !== undefined) places.push(path.join('/sys/fs/cgroup', second, name))
  // A container may see its group as the root
  places.push(path.join('/sys/fs/cgroup', name), path.join('/sys/fs/cgroup', controller, name))
  return read(...places)
}

function withUse(name: string, value: Limit['value'], used: number | null): Limit {
  return used === null ? { name, value } : { name, value, used }
}

function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return null
  }
}

/** The limits, and kernel.yama.ptrace_scope. */
export function readLimits(): { limits: Limit[]; ptraceScope: number | null } {
  const own = read('/proc/self/limits')
  const limits = [
    withUse('open files', ownLimit(own, 'Max open files'), openFiles()),
    withUse('processes', ownLimit(own, 'Max processes'), null),
    withUse('pids', limitOf(groupFile('pids', 'pids.max')), numberOf(groupFile('pids', 'pids.current'))),
    withUse('memory', limitOf(groupFile('memory', 'memory.max')), numberOf(groupFile('memory', 'memory.current'))),
  ]
  return { limits, ptraceScope: numberOf(read('/proc/sys/kernel/yama/ptrace_scope')) }
}

/** What of these will be in the way of many processes. */
export function findingsOf(limits: readonly Limit[]): Finding[] {
  const found: Finding[] = []
  for (const { name, value, used = 0 } of limits) {
    if (typeof value !== 'number') continue
    const left = value - used
    if (name === 'open files' && value < FEW_FILES) {
      const text = `This process may open ${value} files. Each process that runs needs one, and one for each pipe.`
      found.push({ level: 'warning', text: `${text} Raise the limit (ulimit -n).` })
    }
    if (name === 'processes' && value < FEW_PROCESSES) {
      const text = `This user may have ${value} processes and threads, and each forked process has about 4.`
      found.push({ level: 'warning', text: `${text} Raise the limit (ulimit -u).` })
    }
    if (name === 'pids' && left < FEW_PROCESSES) {
      const text = `The control group has room for ${left} processes and threads, and each forked process has about 4.`
      found.push({ level: 'warning', text: `${text} Raise pids.max (docker: --pids-limit).` })
    }
  }
  return found
}
