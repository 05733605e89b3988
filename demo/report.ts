// Runs in: owner. What the demo found out, as a table and in words. Pure.
import Table from 'cli-table3'
import type { StartMethod } from 'forkserver'
import type { Failure, Measured } from './measure.js'

const MAX_SHOWN_FAILURES = 20
const MIB = 2 ** 20

/** One way's figures. */
export interface Row extends Measured {
  /** Whether these are all files, or the sample. */
  isSample: boolean
  /** How many times as long as forkserver needed for the same files; null where it is forkserver. */
  timesAsLong: number | null
}

/** What --json prints. */
export interface Report {
  folder: string
  node: string
  concurrency: number
  startMethod: StartMethod
  spawnReason: string | null
  templateStartMs: number
  /** Resident set of the template. */
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

/** Two or three digits that mean something. */
function short(value: number): string {
  return value.toFixed(value < 10 ? 1 : 0)
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '-' : `${(bytes / MIB).toFixed(1)} MB`
}

export function formatTable({ rows, files, concurrency }: Report): string {
  const head = [
    'way', 'files', 'processes', 'wall time', 'ms per\nprocess', 'processes\nper second', 'memory\n(PSS)', 'of it not\nshared',
    'forkserver\nis faster by',
  ] // biome-ignore format: a row
  const colAligns = head.map((_, column) => (column === 0 ? ('left' as const) : ('right' as const)))
  const table = new Table({ head, colAligns, style: { head: [], border: [] } })
  for (const row of rows) {
    table.push([
      row.way,
      row.isSample ? `sample of ${row.processes}` : `all ${files.toLocaleString('en')}`,
      row.processes,
      duration(row.wallMs),
      short(row.msPerProcess),
      short(row.processesPerSecond),
      mebibytes(row.memory?.pssBytes),
      mebibytes(row.memory?.ownBytes),
      row.timesAsLong === null ? '' : `${short(row.timesAsLong)} x`,
    ])
  }
  const atATime = concurrency === 1 ? 'One process at a time' : `${concurrency} processes at a time`
  const notes = `${atATime}; ms per process = wall time / processes. Memory: median of some processes, read at their end.`
  return `${table}\n${notes}`
}

function skipped({ skippedFiles, linkedFolders }: Report): string[] {
  const lines: string[] = []
  if (skippedFiles > 0) lines.push(`${plural(skippedFiles, 'more file')} skipped: see --max-files.`)
  if (linkedFolders > 0) lines.push(`${plural(linkedFolders, 'symbolic link')} to folders not followed.`)
  return lines
}

/** The whole result for people. */
export function formatReport(report: Report): string {
  const { rows, startMethod, spawnReason, templateStartMs, templateBytes } = report
  const lines = [formatTable(report)]
  if (startMethod === 'spawn')
    lines.push(`There is no template: processes were spawned, not forked, because ${spawnReason}.`)
  else
    lines.push(
      `Starting the template took ${duration(templateStartMs)}, once; it holds ${mebibytes(templateBytes ?? undefined)}.`,
    )
  lines.push(...skipped(report))
  const [all] = rows
  const done = all!.processes - all!.failures.length
  const megabytes = mebibytes(all!.bytesIn)
  lines.push(
    `${plural(done, 'file')} (${megabytes}) in ${plural(done, 'process', 'processes')} of their own took ${duration(all!.wallMs)}.${closing(rows)}`,
  )
  return lines.join('\n')
}

function closing(rows: readonly Row[]): string {
  const peers = rows.filter(({ timesAsLong }) => timesAsLong !== null)
  if (peers.length === 0) return ''
  const each = peers.map(({ way, timesAsLong }) => `${way} ${short(timesAsLong!)} times`)
  return ` On the sample, ${each.join(' and ')} as long.`
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
