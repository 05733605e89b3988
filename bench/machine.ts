// Runs in: owner. Where and when a benchmark ran: figures without it say nothing.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'

export interface Machine {
  date: string
  node: string
  cpu: string
  cores: number
  kernel: string
  libc: string
  /** Whether the kernel gives huge pages unasked ('always'): they make fork several times cheaper. */
  hugePages: string
  /** Processes that wanted a core just before: above 0.5 the figures are disturbed. */
  loadAverage: number
  /** Commit of this project, with '+' where files differ from it. */
  commit: string
}

const PROJECT = fileURLToPath(new URL('../../', import.meta.url))

function git(...args: string[]): string {
  return execFileSync('git', args, {
    cwd: PROJECT,
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()
}

function commit(): string {
  try {
    return (
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', 'src', 'native', 'bench', ':!bench/results') ? '+' : '')
    )
  } catch {
    return 'unknown' // a copy without its history
  }
}

function hugePages(): string {
  try {
    const text = readFileSync('/sys/kernel/mm/transparent_hugepage/enabled', 'utf8')
    return /\[(\w+)\]/.exec(text)?.[1] ?? 'unknown'
  } catch {
    return 'none'
  }
}

export function describeMachine(): Machine {
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  const cpus = os.cpus()
  return {
    date: new Date().toISOString(),
    node: process.version,
    cpu: cpus[0]?.model ?? 'unknown',
    cores: cpus.length,
    kernel: `${os.type()} ${os.release()} ${os.arch()}`,
    libc: header.glibcVersionRuntime ? `glibc ${header.glibcVersionRuntime}` : 'unknown',
    hugePages: hugePages(),
    loadAverage: Math.round(os.loadavg()[0]! * 100) / 100,
    commit: commit(),
  }
}
