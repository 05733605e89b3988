// Runs in: template. A warm process that does one thing: it forks. It loads what its owner names, checks that the result
// can be forked, says so, and serves fork requests until its last owner is gone. It never sees a job's arguments or results, so
// nothing that a user sends can break it.
import { closeSync, readSync, writeSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { countFork, runBeforeFreeze, runOnFork } from '../child/api/fork-hooks.js'
import { beBorn } from '../child/birth.js'
import { Coverage } from '../child/coverage.js'
import type { LeavingProcess } from '../child/leave.js'
import * as worker from '../child/worker/task-loop.js'
import { importModule, rememberModule } from '../platform/import-module.js'
import { check, native as loadNative, type Native } from '../platform/native.js'
import { encodeFrame, readFrameLength } from '../wire/frames.js'
import {
  KEY_LENGTH,
  type StartupConfig,
  type StartupStatus,
  TEMPLATE_DESCRIPTORS,
  TEMPLATE_FLAGS,
} from '../wire/startup.js'
import { encodeValue } from '../wire/values/clone.js'
import { encodeThrown } from '../wire/values/thrown.js'
import { WORKER_MODULE } from '../wire/worker/worker-messages.js'
import { type Census, compareCensus, type Finding, takeCensus } from './fork-check.js'
import { loadBuiltIns, warmUp } from './preload.js'
import { useUpBatches } from './random-batches.js'
import { rehearse } from './rehearse-child.js'
import { rehearseWorker } from './rehearse-worker.js'
import { serve } from './serve-loop.js'
import { adoptKey, type TemplateKeys } from './template-keys.js'
import { makeReport, namesOfActive } from './template-report.js'

function readFully(fd: number, into: Uint8Array): void {
  for (let at = 0; at < into.length; ) {
    const got = readSync(fd, into, at, into.length - at, null)
    if (got === 0) loadNative().leave(1) // the owner is gone
    at += got
  }
}

function readStartup(): { keys: TemplateKeys; config: StartupConfig } {
  const keys = adoptKey(loadNative(), (page) => readFully(TEMPLATE_DESCRIPTORS.startup, page.subarray(0, KEY_LENGTH)))
  const header = Buffer.alloc(4)
  readFully(TEMPLATE_DESCRIPTORS.startup, header)
  const json = Buffer.alloc(readFrameLength(header))
  readFully(TEMPLATE_DESCRIPTORS.startup, json)
  closeSync(TEMPLATE_DESCRIPTORS.startup)
  return { keys, config: JSON.parse(json.toString()) as StartupConfig }
}

function tell(status: StartupStatus): void {
  const frame = encodeFrame(encodeValue(status, 'status'))
  try {
    for (let at = 0; at < frame.length; ) at += writeSync(TEMPLATE_DESCRIPTORS.status, frame, at)
  } catch {} // EPIPE: the owner gave up; the loop that follows sees it too
  closeSync(TEMPLATE_DESCRIPTORS.status)
}

/** How long apart two looks at what stands against the fork are, in milliseconds. */
const MOMENT_MS = 20

/** What stands against the fork so far, each with the module that brought it, where that is known. */
class Suspects {
  readonly #native: Native
  readonly #blamed = new Map<string, string>()
  #seen: Census
  readonly #first: Census

  constructor(native: Native) {
    this.#native = native
    this.#first = takeCensus(native)
    this.#seen = this.#first
  }

  blame(module: string): void {
    const now = takeCensus(this.#native)
    for (const { id } of compareCensus(this.#seen, now)) if (!this.#blamed.has(id)) this.#blamed.set(id, module)
    this.#seen = now
  }

  /** What is there now and a moment later: a thread of V8 opens a file of /sys for a moment, when it first meets a contended lock. */
  list(): Finding[] {
    const now = compareCensus(this.#first, takeCensus(this.#native))
    if (now.length === 0) return now
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, MOMENT_MS)
    const later = new Set(compareCensus(this.#first, takeCensus(this.#native)).map(({ id }) => id))
    return now
      .filter(({ id }) => later.has(id))
      .map(({ id, severity, what }) => {
        const module = this.#blamed.get(id)
        return { id, severity, what: module ? `${what} (appeared while ${module} was loaded)` : what }
      })
  }
}

class Template {
  readonly #native = loadNative()
  readonly #coverage = new Coverage()
  readonly #keys: TemplateKeys
  readonly #ownStreams: () => void
  readonly #config: StartupConfig
  readonly #suspects: Suspects
  #settling: NodeJS.Timeout | undefined
  #loading = 'the preload'
  /** What a module throws in a callback or a rejected promise, after its top level, is no less its error. */
  readonly #onUncaught = (error: unknown): void => {
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return
    this.#fail(this.#loading || 'the preload, after it was loaded', error)
  }

  constructor(keys: TemplateKeys, config: StartupConfig, ownStreams: () => void) {
    if (config.coverage) {
      process.env.NODE_V8_COVERAGE = config.coverage // which Node's own profiler was not to see
      this.#coverage.count()
    }
    this.#ownStreams = ownStreams
    this.#keys = keys
    this.#config = config
    this.#suspects = new Suspects(this.#native)
    process.on('uncaughtExceptionMonitor', this.#onUncaught)
  }

  async load(): Promise<void> {
    try {
      rememberModule(WORKER_MODULE, worker)
      for (const specifier of this.#config.preload) {
        this.#loading = specifier
        rememberModule(specifier, await importModule(specifier))
        this.#suspects.blame(specifier)
      }
      if (this.#config.warmup) {
        this.#loading = `the warm-up ${this.#config.warmup.name}()`
        await warmUp(this.#config.warmup)
        this.#suspects.blame(this.#loading)
      }
      this.#loading = 'a callback of beforeFreeze()'
      await runBeforeFreeze()
      this.#loading = 'the rehearsal'
      await rehearse(this.#native)
      await rehearseWorker(this.#native)
      this.#loading = ''
      // Not counted as a reason to keep the loop alive, and gone when the loop is empty.
      this.#settling = setTimeout(
        () => this.refuse(namesOfActive().map((name) => `${name} keeps the event loop busy`)),
        this.#config.settleMs,
      ).unref()
    } catch (error) {
      this.#fail(this.#loading, error)
    }
  }

  #fail(what: string, error: unknown): never {
    tell({ status: 'preloadFailed', what, thrown: encodeThrown(error) })
    return this.#native.leave(1)
  }

  refuse(reasons: string[]): never {
    tell({ status: 'unforkable', reasons: [...this.#suspects.list().map(({ what }) => what), ...reasons] })
    return this.#native.leave(1)
  }

  /** From 'beforeExit': Node found nothing left to do, and stands outside uv_run. Returns in a child only. */
  serveWhenEmpty(): void {
    if (this.#loading)
      this.refuse([`${this.#loading} waits for something that never comes (an await that is never settled)`])
    clearTimeout(this.#settling)
    process.off('uncaughtExceptionMonitor', this.#onUncaught)
    const findings = this.#suspects.list()
    const stops = findings.filter(({ severity }) => this.#config.strict || severity === 'impossible')
    if (stops.length > 0) this.refuse([])
    const missing = this.#native.findPlatform()
    if (missing)
      this.refuse([`a Node with these flags has not ${missing}, without which children would be alike or hang`])
    const repeated = useUpBatches()
    if (repeated.length > 0) this.refuse(repeated.map((name) => `${name} would give the same values in every child`))
    runMicrotasks()
    // Whatever is mapped here is paid for by every fork; the space of young objects alone holds 2 to 8 MB of what the preload left.
    this.#native.collectGarbage()
    this.#native.moveTextToHugePages() // where it cannot, each fork takes a little longer
    // Where they are not found, a child's process.uptime() and performance.now() count from the template's start.
    this.#native.findClocks(Math.round(performance.timeOrigin * 1e3), Math.round(process.uptime() * 1e9))
    const warnings = findings.map(({ what }) => what)
    const birth = serve(this.#native, this.#keys, this.#config.listen, {
      listening: () => tell({ status: 'ready', report: makeReport(warnings) }),
      refused: (syscall, errno) => tell({ status: 'refused', syscall, errno }),
    })
    setFlagsFromString('--flush-bytecode') // near its heap limit, V8 may need that memory (Node 26 collected garbage for ever)
    beBorn(process as unknown as LeavingProcess, this.#native, birth.channel, {
      countFork,
      ownStreams: this.#ownStreams,
      runOnFork,
      coverage: this.#coverage,
    })
  }
}

/** What waits in promises and in process.nextTick() now is this process's business: left where it is, each child would run it. */
function runMicrotasks(): void {
  ;(process as { _tickCallback?(): void })._tickCallback?.()
}

/** Makes this process a template, and in each child what the template made it. `ownStreams` makes the standard streams a child's own. */
export function beTemplate(ownStreams: () => void): void {
  process.execArgv.splice(0, TEMPLATE_FLAGS.length)
  setFlagsFromString('--no-flush-bytecode') // functions that the warm-up compiled stay compiled
  const { keys, config } = readStartup()
  // Until the template serves, and sees the end of its owner by itself, the kernel ends it with its owner.
  check('fcntl', loadNative().holdLifeline(TEMPLATE_DESCRIPTORS.lifeline))
  loadBuiltIns()
  const template = new Template(keys, config, ownStreams)
  if (!loadNative().isInterposed()) template.refuse(['LD_PRELOAD has no effect here, and a fork needs it'])
  process.once('beforeExit', () => template.serveWhenEmpty())
  void template.load()
}
