// Runs in: template. A process that only forks. It loads the modules that its owner names, checks that it can be
// forked, reports that, and serves fork requests until its last owner is gone. It never sees a job's arguments or
// results, so no data of a user can break it.
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { countFork, runBeforeFreeze, runOnFork } from '../child/api/fork-hooks.js'
import { beBorn, birthNative } from '../child/birth.js'
import { Coverage } from '../child/coverage.js'
import type { LeavingProcess } from '../child/leave.js'
import * as worker from '../child/worker/worker-job.js'
import type { Finding } from '../errors.js'
import { importModule, rememberModule } from '../platform/import-module.js'
import { native as loadNative, type Native } from '../platform/native.js'
import { setTimeout as startTimer } from '../platform/timers.js'
import { type PreloadModule, type StartupConfig, TEMPLATE_FLAGS } from '../wire/startup.js'
import { encodeThrown } from '../wire/values/thrown.js'
import { WORKER_MODULE } from '../wire/worker/worker-messages.js'
import { FlatMemory } from './flat-memory.js'
import { ForkCheck, type Inventory } from './fork-check.js'
import inventory from './inventory.cjs'
import loadedFiles from './loaded-files.cjs'
import loaderHooks from './loader-hooks.cjs'
import { loadBuiltIns, warmUp } from './preload.js'
import { type Drawn, drawBatches, drawOnce, useUpBatches } from './random-batches.js'
import { rehearseAll } from './rehearse.js'
import { serve } from './serve-loop.js'
import { readStartup, tellOwner } from './start-messages.js'
import { stopEsbuild } from './stop-esbuild.js'
import streams from './stream-stand-ins.cjs'
import type { TemplateKeys } from './template-keys.js'
import { makeReport, workerThreads } from './template-report.js'
import { tryFork, whyNodeCannotFork } from './trial-fork.js'
import { Tripwires } from './tripwires.js'

/**
 * If the heap is larger, V8 does not forget its limit. It would go back to the limit of a new heap, a few hundred MB,
 * and mark all that is above it at once.
 */
const MOST_HEAP_BYTES = 200 * 2 ** 20

/** The options of Node that load modules before the template's own main, as they were given. */
function optionsThatLoad(): string {
  const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)]
  const found: string[] = []
  for (const [at, option] of given.entries()) {
    const match = /^(-r|--require|--import)(=.*)?$/.exec(option)
    if (match) found.push(match[2] ? option : `${option} ${given[at + 1]}`)
  }
  return found.join(' ') || 'Node'
}

class Template {
  readonly #native = loadNative()
  readonly #coverage = new Coverage()
  readonly #flat = new FlatMemory(this.#native)
  readonly #keys: TemplateKeys
  readonly #config: StartupConfig
  /** The processor time that it took to get here, in milliseconds: it tells how fast this machine is. */
  readonly #nodeStartMs = processorTime()
  readonly #check: ForkCheck
  #settling: NodeJS.Timeout | undefined
  #loading = 'the preload'
  /** The module that is being loaded or called; null if it is none of the preload. */
  #loadingModule: string | null = null
  readonly #tripwires: Tripwires
  /** Why the template must be started again without some optional modules. */
  readonly #without: Finding[] = []
  /** An error that a module throws after its top level, in a callback or a rejected promise, also fails the preload. */
  readonly #onUncaught = (error: unknown): void => {
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return
    this.#fail(this.#loading || 'the preload, after it was loaded', error)
  }

  constructor(keys: TemplateKeys, config: StartupConfig, first: Inventory) {
    if (config.coverage) {
      process.env.NODE_V8_COVERAGE = config.coverage // it was hidden from Node's own profiler
      this.#coverage.count()
    }
    this.#keys = keys
    this.#config = config
    this.#tripwires = new Tripwires(config.tripwires)
    this.#check = new ForkCheck(this.#native, first)
    this.#check.attributeNewTo(`${optionsThatLoad()} was loaded`, null)
    if (config.nodeOptions !== null) process.env.NODE_OPTIONS = config.nodeOptions
    process.on('uncaughtExceptionMonitor', this.#onUncaught)
  }

  async load(): Promise<void> {
    try {
      rememberModule(WORKER_MODULE, worker)
      this.#tripwires.begin()
      for (const preload of this.#config.preload) {
        this.#begin(preload.module, preload.module)
        await this.#load(preload)
        this.#check.attributeNewTo(`${preload.module} was loaded`, preload.module)
      }
      this.#tripwires.end()
      const { warmup } = this.#config
      if (warmup) {
        this.#begin(`the warm-up ${warmup.name}()`, warmup.module)
        await warmUp(warmup)
        this.#check.attributeNewTo(`${this.#loading} ran`, warmup.module)
      }
      this.#begin('a callback of beforeFreeze()', null)
      await runBeforeFreeze()
      loadedFiles.stopCollecting(this.#config.watchVariable)
      this.#begin('the rehearsal', null)
      await rehearseAll(this.#native)
      await stopEsbuild(() => this.#check.isAny())
      this.#begin('', null)
      // This timer does not keep the event loop busy. It is cleared when the loop is empty.
      this.#settling = setTimeout(() => this.#refuse(this.#check.busy()), this.#config.settleMs).unref()
    } catch (error) {
      this.#fail(this.#loading, error)
    }
  }

  #begin(loading: string, module: string | null): void {
    this.#loading = loading
    this.#loadingModule = module
  }

  async #load({ module, optional }: PreloadModule): Promise<void> {
    try {
      rememberModule(module, await importModule(module))
    } catch (error) {
      if (!optional) throw error
      // A child that imported it would get this error, and not one of its own: Node keeps it for ever.
      this.#without.push({ module, what: `it threw ${sayThrown(error)}`, severity: 'failed' })
    }
    const why = this.#tripwires.take()
    if (!optional) return
    this.#without.push(...why.map((what): Finding => ({ module, what, severity: 'different' })))
  }

  #fail(what: string, error: unknown): never {
    const module = this.#loading ? this.#loadingModule : null
    tellOwner({ status: 'preloadFailed', what, module, thrown: encodeThrown(error) })
    return this.#native.leave(1)
  }

  /** The process cannot be forked with the preloaded modules. */
  #refuse(others: Finding[]): never {
    tellOwner({ status: 'unforkable', findings: [...this.#check.findings(), ...others] })
    return this.#native.leave(1)
  }

  /** Called by 'beforeExit': Node has nothing left to do, and is outside of uv_run. Returns in a child only. */
  serveWhenEmpty(): void {
    if (this.#loading) {
      const what = `${this.#loading} waits for something that never comes (an await that is never settled)`
      this.#refuse([{ module: this.#loadingModule, what, severity: 'impossible' }])
    }
    // Node keeps an empty list of timers if its last one is not ref'ed.
    clearTimeout(this.#settling?.ref())
    stopLoopTimer(this.#native)
    process.off('uncaughtExceptionMonitor', this.#onUncaught)
    const findings = this.#check.findings()
    const stops = findings.filter(({ severity }) => this.#config.strict || severity === 'impossible')
    if (stops.length > 0 || this.#without.length > 0) this.#refuse(this.#without)
    loaderHooks.stopWatchingHooks()
    this.#freeze()
    const self = process as unknown as LeavingProcess & NodeJS.Process
    const native = birthNative(this.#native)
    const { makeStreamsOwn: ownStreams } = streams
    const hooks = { countFork, ownStreams, runOnFork, coverage: this.#coverage }
    const birth = serve(this.#native, this.#keys, this.#config, {
      listening: () => tellOwner({ status: 'ready', report: { ...makeReport(findings), ...this.#flat.report() } }),
      forked: () => this.#flat.forked(),
      refused: (syscall, errno) => tellOwner({ status: 'refused', syscall, errno }),
    })
    // Near its heap limit V8 may need that memory (Node 26 collected garbage for ever).
    setFlagsFromString('--flush-bytecode')
    beBorn(self, native, birth, hooks)
  }

  /** Brings this process into the state that its children copy, and makes trial children. */
  #freeze(): void {
    runMicrotasks()
    // Every fork takes longer for each page that is mapped here. The preload leaves 2 to 8 MB in
    // the space of young objects alone.
    this.#native.collectGarbage(process.memoryUsage().heapUsed < MOST_HEAP_BYTES ? 1 : 0)
    const huge = this.#native.moveTextToHugePages() // if it cannot, each fork takes a little longer
    this.#native.takeFreeChunks()
    findClocks(this.#native)
    this.#flat.freeze(huge)
    for (const draw of [drawBatches, drawOnce]) this.#tryFork(draw)
    this.#flat.update()
  }

  #tryFork(draw: () => Drawn): void {
    const trial = tryFork(this.#native, workerThreads(process.execArgv), this.#nodeStartMs, draw)
    if ('failed' in trial) sayCannotFork(trial.failed)
    const repeated = useUpBatches(trial.told)
    if (repeated.length > 0)
      sayCannotFork(`in Node ${process.version} children would repeat each other's values of ${repeated.join(' and ')}`)
  }
}

/** The most characters of a thrown error that a finding quotes. */
const MAX_QUOTE = 500

/** What a module threw, in one line. It may be anything. */
function sayThrown(thrown: unknown): string {
  try {
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
    return text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}...` : text
  } catch {
    return 'a value that cannot be shown'
  }
}

/** The processor time of this process, in milliseconds. */
function processorTime(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Node, or this machine, cannot fork: the owner goes on with the start method spawn. */
function sayCannotFork(reason: string): never {
  tellOwner({ status: 'cannotFork', reason })
  return loadNative().leave(1)
}

/** If the clocks are not found, a child's process.uptime() and performance.now() count from the template's start. */
function findClocks(native: Native): void {
  const before = process.hrtime.bigint()
  const uptimeNs = Math.round(process.uptime() * 1e9)
  const [earliest, latest] = [before, process.hrtime.bigint()].map((now) => Number(now) - uptimeNs)
  native.findClocks(Math.round(performance.timeOrigin * 1e3), earliest!, latest!)
}

/**
 * Node has one timer of libuv for all of its own, and does not stop it when the last of them is cleared. It would run
 * out in each child that is born later, and each would look for timers where there are none (20 to 45 page faults).
 */
function stopLoopTimer(native: Native): void {
  let isOver = false
  startTimer(() => {
    isOver = true
  }, 1)
  while (!isOver && native.turnLoop() !== 0);
}

/** Runs what waits in promises and in process.nextTick(). Otherwise each child would run it. */
function runMicrotasks(): void {
  ;(process as { _tickCallback?(): void })._tickCallback?.()
}

const COMMON_JS = [
  './inventory.cjs',
  './loaded-files.cjs',
  './loader-hooks.cjs',
  './stream-stand-ins.cjs',
  '../platform/really-exit.cjs',
  '../platform/watched-files.cjs',
]

/** The CommonJS modules of forkserver are loaded. A program must not find them in require.cache. */
function hideCommonJs(): void {
  const { cache, resolve } = createRequire(import.meta.url)
  for (const file of COMMON_JS) delete cache[resolve(file)]
}

/** Makes this process a template. Each child inherits what is done here. */
export function beTemplate(): void {
  loadNative().ignoreGroupSignals() // also while it preloads
  process.execArgv.splice(0, TEMPLATE_FLAGS.length)
  setFlagsFromString('--no-flush-bytecode') // functions that the warm-up compiled stay compiled
  const { keys, config } = readStartup(loadNative())
  hideCommonJs()
  const first = inventory.firstInventory()
  if (!first) return sayCannotFork('this Node ignores NODE_OPTIONS, which forkserver needs')
  const hooks = loaderHooks.whyHooksCannotFork()
  const missing = whyNodeCannotFork(loadNative()) ?? (hooks && `${hooks} (${optionsThatLoad()} brought them)`)
  if (missing) sayCannotFork(missing)
  loadBuiltIns()
  const template = new Template(keys, config, first)
  process.once('beforeExit', () => template.serveWhenEmpty())
  void template.load()
}
