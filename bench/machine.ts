// Runs in: owner. Where and when a benchmark ran. Figures mean little without that.
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
  /** Whether the kernel provides huge pages without being asked ('always'). They make fork several times cheaper. */
  hugePages: string
  /** The load average before the run. Above 0.5, other processes disturb the figures. */
  loadAverage: number
  /** The commit of this project, with '+' if files differ from it. */
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
    return 'unknown' // not a git checkout
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
