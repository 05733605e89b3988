// Runs in: owner. The results of the demo, as a table and in words. Pure.
import Table from 'cli-table3'
import type { StartMethod } from 'forkserver'
import type { Failure, Measured } from './measure.js'
import { NODE_FLAGS } from './ways.js'

const MAX_SHOWN_FAILURES = 20
const HEAD_LINES = 2

/** The figures of one way. */
export interface Row extends Measured {
  /** Whether these are all files or only the sample. */
  isSample: boolean
  /** Its time for the same files, divided by that of forkserver. Null for forkserver itself. */
  forkserverTimesAsFast: number | null
}

/** What --json prints. */
export interface Report {
  folder: string
  node: string
  concurrency: number
  startMethod: StartMethod
  spawnReason: string | null
  templateStartMs: number
  /** The resident set of the template. */
  templateBytes: number | null
  files: number
  skippedFiles: number
  linkedFolders: number
  rows: Row[]
  failures: Failure[]
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`
}

function duration(ms: number): string {
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`
}

/** Rounds to two or three significant digits. */
function short(value: number): string {
  return value.toFixed(value < 9.95 ? 1 : 0)
}

function megabytes(bytes: number | undefined): string {
  if (bytes === undefined) return '-'
  return bytes < 1e5 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}

// Only one line, under the head, so that the table fits into 100 columns.
const BORDERS = {
  top: '', 'top-mid': '', 'top-left': '', 'top-right': '',
  bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '',
  left: '', 'left-mid': '', right: '', 'right-mid': '', middle: '', mid: '', 'mid-mid': '',
} // biome-ignore format: a table

function cells(row: Row, files: number): string[] {
  return [
    row.way,
    row.isSample ? `${row.processes} of ${files}` : `all ${files}`,
    String(row.processes),
    duration(row.wallMs),
    short(row.msPerProcess),
    short(row.processesPerSecond),
    megabytes(row.memory?.pssBytes),
    megabytes(row.memory?.ownBytes),
    row.forkserverTimesAsFast === null ? '' : `${short(row.forkserverTimesAsFast)} x`,
  ]
}

export function formatTable({ rows, files }: Report): string {
  const head = [
    'way', 'files', 'processes', 'wall time', 'ms per\nprocess', 'per\nsecond', 'memory\n(PSS)', 'of it\nunshared',
    'speed of\nforkserver',
  ] // biome-ignore format: a row
  const colAligns = head.map((_, column) => (column === 0 ? ('left' as const) : ('right' as const)))
  const style = { head: [], border: [], 'padding-left': 0, 'padding-right': 2 }
  const table = new Table({ head, colAligns, style, chars: BORDERS })
  for (const row of rows) table.push(cells(row, files))
  const lines = table.toString().split('\n')
  const width = Math.max(...lines.map((line) => line.trimEnd().length))
  lines.splice(HEAD_LINES, 0, '─'.repeat(width))
  return lines.map((line) => line.trimEnd()).join('\n')
}

function notes({ rows, concurrency }: Report): string {
  const atATime = concurrency === 1 ? 'One process at a time' : `${concurrency} processes at a time`
  const memory = rows.some((row) => row.memory) ? '\nMemory: median of some processes, at their end.' : ''
  return `${atATime}, all run by node ${NODE_FLAGS.join(' ')}; ms per process = wall time / processes.${memory}`
}

function skipped({ skippedFiles, linkedFolders }: Report): string[] {
  const lines: string[] = []
  if (skippedFiles > 0) lines.push(`${plural(skippedFiles, 'more file')} skipped; --all transpiles all.`)
  if (linkedFolders > 0) lines.push(`${plural(linkedFolders, 'symbolic link')} to folders not followed.`)
  return lines
}

/** The whole result for people. At least one file was transpiled. */
export function formatReport(report: Report): string {
  const { rows, startMethod, spawnReason, templateStartMs, templateBytes } = report
  const lines = [formatTable(report), notes(report)]
  if (startMethod === 'spawn')
    lines.push(`There is no template: processes were spawned, not forked, because ${spawnReason}.`)
  else
    lines.push(
      `Starting the template took ${duration(templateStartMs)}, ` +
        `once; it holds ${megabytes(templateBytes ?? undefined)}.`,
    )
  lines.push(...skipped(report))
  const [all] = rows
  const done = all!.processes - all!.failures.length
  const size = megabytes(all!.bytesIn)
  lines.push(
    `${plural(done, 'file')} (${size}) in ${plural(done, 'process', 'processes')} ` +
      `of their own took ${duration(all!.wallMs)}.${closing(rows)}`,
  )
  return lines.join('\n')
}

function closing(rows: readonly Row[]): string {
  const peers = rows.filter(({ forkserverTimesAsFast }) => forkserverTimesAsFast !== null)
  if (peers.length === 0) return ''
  const each = peers.map(({ way, forkserverTimesAsFast }) => `${way} ${short(forkserverTimesAsFast!)} times`)
  return `\nFor the same files, ${each.join(' and ')} as long.`
}

/** One sentence for each file that failed. */
export function formatFailures(failures: readonly Failure[]): string {
  const lines = failures
    .slice(0, MAX_SHOWN_FAILURES)
    .map(({ file, reason }) => `Could not transpile ${file}: ${reason}`)
  if (failures.length > MAX_SHOWN_FAILURES)
    lines.push(`And ${failures.length - MAX_SHOWN_FAILURES} more; --json lists all.`)
  return lines.join('\n')
}
