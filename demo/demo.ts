// Runs in: owner. `npm run demo [-- folder]`: transpiles the TypeScript files of a project, each in a new process
// forked from a warm template. Does the same with a few of the files in new Node processes, and shows the time of each
// way.
import { ForkServer, ForkServerError } from 'forkserver'
import { DemoError, Stopped } from './errors.js'
import { checkFolder, type Found, findFiles } from './files.js'
import { type Measured, measure, spread } from './measure.js'
import { type DemoOptions, parseOptions } from './options.js'
import { formatPlan } from './plan.js'
import { makeProgress, type Progress } from './progress.js'
import { formatFailures, formatReport, type Report, type Row } from './report.js'
import { type Bounds, childProcessFork, forkserver, jobs, NODE_FLAGS, plainNode, type Way } from './ways.js'

/** The exit code that shells use for a process that a signal ended. */
const SIGNAL_EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 130, SIGTERM: 143 }

/** Ctrl-C aborts it, so that everything that runs is ended and awaited. A second Ctrl-C ends the demo at once. */
function stopOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort(new Stopped(signal)))
  return controller.signal
}

interface Work {
  options: DemoOptions
  signal: AbortSignal
  progress: Progress
}

async function measureShown(
  way: Way,
  files: readonly string[],
  { options, signal, progress }: Work,
): Promise<Measured> {
  const { folder, concurrency } = options
  progress.start(way.name, files.length)
  try {
    return await measure(way, { folder, files, concurrency, signal, progress: () => progress.step() })
  } finally {
    progress.stop()
  }
}

/**
 * Transpiles all files by forkserver, then the sample in every way, including forkserver, so that the same files are
 * compared.
 */
async function measureAll(server: ForkServer, files: readonly string[], work: Work): Promise<Row[]> {
  const { options, signal } = work
  const bounds: Bounds = { timeout: options.timeout, signal }
  const all = await measureShown(forkserver(server, bounds), files, work)
  const rows: Row[] = [{ ...all, isSample: false, forkserverTimesAsFast: null }]
  const failed = new Set(all.failures.map(({ file }) => file))
  const done = files.filter((file) => !failed.has(file))
  const sample = spread(done, options.sample)
  if (sample.length === 0) return rows
  let own = all
  if (sample.length < files.length) {
    own = await measureShown(forkserver(server, bounds), sample, work)
    rows.push({ ...own, isSample: true, forkserverTimesAsFast: null })
  }
  for (const way of [childProcessFork(bounds), plainNode(bounds)]) {
    const peer = await measureShown(way, sample, work)
    const failures = peer.failures.map(({ file, reason }) => ({ file, reason: `${reason} (${way.name})` }))
    rows.push({
      ...peer,
      failures,
      isSample: sample.length < files.length,
      forkserverTimesAsFast: peer.wallMs / own.wallMs,
    })
  }
  return rows
}

async function run(found: Found, work: Work): Promise<Report> {
  const { options, signal } = work
  const files = spread(found.files, options.maxFiles)
  const start = performance.now()
  // The jobs module loads typescript itself, in the faster way (jobs.ts).
  const { startMethod } = options
  await using server = await ForkServer.start({
    preload: [jobs.module],
    warmup: jobs.warmUp,
    execArgv: NODE_FLAGS,
    startMethod,
    signal,
  })
  const templateStartMs = performance.now() - start
  const rows = await measureAll(server, files, work)
  return {
    folder: options.folder,
    node: process.version,
    concurrency: options.concurrency,
    startMethod: server.startMethod,
    spawnReason: server.spawnReason ?? null,
    templateStartMs,
    templateBytes: server.report?.rssBytes ?? null,
    files: files.length,
    skippedFiles: found.files.length - files.length,
    linkedFolders: found.linkedFolders,
    rows,
    failures: [...found.failures, ...rows.flatMap(({ failures }) => failures)],
  }
}

async function main(signal: AbortSignal): Promise<void> {
  const options = parseOptions(process.argv)
  await checkFolder(options.folder)
  const found = await findFiles(options.folder, signal)
  if (found.files.length === 0 && found.failures.length === 0)
    throw new DemoError(`There are no TypeScript files in ${options.folder}.`)
  if (found.files.length === 0) throw new DemoError(formatFailures(found.failures))
  process.stderr.write(`${formatPlan(options, found.files.length)}\n`)
  const report = await run(found, { options, signal, progress: makeProgress() })
  const isAnyDone = report.rows[0]!.failures.length < report.files
  if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
  else if (isAnyDone) process.stdout.write(`${formatReport(report)}\n`)
  if (report.failures.length === 0) return
  process.stderr.write(`${formatFailures(report.failures)}\n`)
  process.exitCode = 1
}

const signal = stopOnSignals()
try {
  await main(signal)
} catch (error) {
  // After Ctrl-C, every failure is a result of it.
  const reason: unknown = signal.aborted ? signal.reason : error
  // Anything else is a bug, so its stack is shown.
  if (!(reason instanceof DemoError || reason instanceof ForkServerError)) throw reason
  process.stderr.write(`${reason.message}\n`)
  process.exitCode = reason instanceof Stopped ? SIGNAL_EXIT_CODES[reason.signal]! : 1
}
