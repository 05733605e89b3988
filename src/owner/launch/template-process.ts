// Runs in: owner. Starts one template process, waits until it is ready, and ends it.
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { Socket } from 'node:net'
import { TemplateError } from '../../errors.js'
import { check, findLibraries, type Native, systemError } from '../../platform/native.js'
import { ownFile } from '../../platform/own-files.js'
import { killTree } from '../../platform/process-state.js'
import { abortError } from '../../promises/abort.js'
import { RunningTimer } from '../../promises/running-timer.js'
import { within } from '../../promises/time-limit.js'
import type { AuthKey } from '../../wire/auth/auth-key.js'
import { encodeFrame } from '../../wire/frames.js'
import {
  type FileStamps,
  MAX_STDIO,
  type StartupConfig,
  TEMPLATE_DESCRIPTORS,
  TEMPLATE_FLAGS,
  type TemplateReport,
} from '../../wire/startup.js'
import { templateEnvironment } from './template-environment.js'
import { readStatus, reportOf } from './template-status.js'
import { reapWithThread } from './thread-children.js'

const MAIN = ownFile('main/template.js')

/** How long to wait for the end of a process that was killed, in milliseconds: it may wait for a device. */
const KILL_TIMEOUT_MS = 1_000

/** A template that is frozen and serves. */
export interface StartedTemplate {
  readonly process: TemplateProcess
  readonly report: TemplateReport
  /** This process's end of the private control socket; the caller takes it over. */
  readonly controlFd: number
  /** If it takes over from another template: the socket through which that one gives what it has. Also the caller's. */
  readonly heirFd: number | undefined
}

export interface TemplateOptions {
  config: StartupConfig
  env: NodeJS.ProcessEnv
  /**
   * The flags of Node to start it with. `nodeOptions` is the value of NODE_OPTIONS until the
   * template restores the variable.
   */
  flags: { execArgv: readonly string[]; nodeOptions: string | undefined }
  key: AuthKey
  /** Read end of the owner's lifeline; the caller keeps it. */
  lifeline: number
  /** Aborting it ends the start. */
  signal: AbortSignal
  /** Whether the start keeps the event loop of this process running. */
  ref: boolean
  /** How long the start may take, in milliseconds. */
  startTimeout: number
  /** Takes which files the template has loaded, whether its start succeeds or fails. */
  onFiles?: ((files: FileStamps) => void) | undefined
}

/** The process of a template that this owner started. */
export class TemplateProcess {
  readonly #process: ChildProcess
  /** Resolves with how it ended, in words. */
  readonly ended: Promise<string>
  /** Resolves if it could not be spawned at all. */
  readonly failed: Promise<Error>

  constructor(process: ChildProcess) {
    this.#process = process
    reapWithThread(process)
    this.ended = new Promise((resolve) => {
      process.on('exit', (exitCode, signal) =>
        resolve(signal ? `was killed by ${signal}` : `ended with exit code ${exitCode}`),
      )
    })
    this.failed = new Promise((resolve) => process.on('error', (error) => resolve(systemError(error))))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Kills it. Its children live on. */
  kill(): void {
    this.#process.kill('SIGKILL')
  }

  /** As killAll(), and waits for its end. */
  async killStart(): Promise<void> {
    this.killAll()
    if (this.pid !== undefined) await within(KILL_TIMEOUT_MS, this.ended)
  }

  /** Kills it and all that it started. It is no template yet, and may be a program that starts Node itself. */
  killAll(): void {
    const { pid, exitCode, signalCode } = this.#process
    if (pid === undefined || exitCode !== null || signalCode !== null) return // its pid may be a stranger's by now
    killTree(pid)
    this.kill()
  }

  ref(): void {
    this.#process.ref()
  }

  unref(): void {
    this.#process.unref()
  }
}

/** Descriptors that are closed together. */
class OpenDescriptors {
  readonly #native: Native
  readonly #open: number[] = []

  constructor(native: Native) {
    this.#native = native
  }

  add(fd: number): number {
    this.#open.push(fd)
    return fd
  }

  closeAll(): void {
    for (const fd of this.#open.splice(0)) this.#native.close(fd)
  }
}

/** This process's ends of the template's three sockets. */
interface OwnEnds {
  startup: number
  control: number
  status: number
  /** Only if the template takes over from another one. */
  heir: number | undefined
}

/** @throws ResourceError ERR_RESOURCE; it leaves no descriptor open then */
function spawnTemplate(native: Native, options: TemplateOptions): { template: TemplateProcess; own: OwnEnds } {
  const ours = new OpenDescriptors(native)
  const theirs = new OpenDescriptors(native)
  const stdio: (number | 'ignore' | 'inherit')[] = ['ignore', 'inherit', 'inherit']
  const pair = (name: 'startup' | 'control' | 'status' | 'inheritance'): number => {
    const ends = new Int32Array(2)
    check('socketpair', native.socketPair(ends))
    stdio[TEMPLATE_DESCRIPTORS[name]] = theirs.add(ends[1]!)
    return ours.add(ends[0]!)
  }
  try {
    const heir = options.config.takesOver ? pair('inheritance') : undefined
    const own = { startup: pair('startup'), control: pair('control'), status: pair('status'), heir }
    const devNull = theirs.add(openSync('/dev/null', 'r+'))
    for (let fd = 3; fd < MAX_STDIO; fd++) stdio[fd] = devNull
    stdio[TEMPLATE_DESCRIPTORS.lifeline] = options.lifeline
    stdio[TEMPLATE_DESCRIPTORS.preload] = theirs.add(openSync(findLibraries()!.preload, 'r'))
    const env = templateEnvironment({ ...options.env, NODE_OPTIONS: options.flags.nodeOptions }, options.config)
    const args = [...TEMPLATE_FLAGS, ...options.flags.execArgv, MAIN]
    return { template: new TemplateProcess(spawn(process.execPath, args, { stdio, env })), own }
  } catch (error) {
    ours.closeAll()
    throw systemError(error as Error) // E2BIG is thrown; EMFILE and EAGAIN of spawn() are emitted
  } finally {
    theirs.closeAll()
  }
}

/**
 * Starts a template.
 * @throws TemplateError ERR_PRELOAD_FAILED, ERR_UNFORKABLE, ERR_TEMPLATE_START; ResourceError ERR_RESOURCE,
 *   ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG; AbortError
 */
export async function startTemplate(native: Native, options: TemplateOptions): Promise<StartedTemplate> {
  const { template, own } = spawnTemplate(native, options)
  // A worker thread that is terminated runs no code that could close these two. Its streams are closed in any case.
  const kept = own.heir === undefined ? [own.control] : [own.control, own.heir]
  for (const fd of kept) native.closeAtEnd(fd)
  const startup = new Socket({ fd: own.startup, readable: false, writable: true })
  const status = new Socket({ fd: own.status, readable: true, writable: false })
  const limits = new StartLimits(template, options)
  const endWithOwner = (): void => template.killAll()
  if (!options.ref) {
    for (const handle of [template, startup, status]) handle.unref()
    if (template.pid !== undefined) process.once('exit', endWithOwner)
  }
  try {
    sendStartup(startup, options)
    const report = await Promise.race([untilReady(template, status, options), limits.exceeded])
    template.unref()
    return { process: template, report, controlFd: own.control, heirFd: own.heir }
  } catch (error) {
    for (const fd of kept) native.close(fd)
    await template.killStart()
    throw error
  } finally {
    limits.stop()
    process.off('exit', endWithOwner)
    startup.destroy()
    status.destroy()
  }
}

/** Ends a start from outside: by its time limit or by its signal. */
class StartLimits {
  /** Rejects when one of them ends the start. */
  readonly exceeded: Promise<never>
  readonly #stop: () => void

  constructor(template: TemplateProcess, { startTimeout, signal }: TemplateOptions) {
    let stop = (): void => {}
    this.exceeded = new Promise((_, reject) => {
      const abort = (): void => reject(abortError(signal))
      const timer = new RunningTimer(startTimeout, () => reject(tooSlow(template.pid, startTimeout)))
      signal.addEventListener('abort', abort, { once: true })
      timer.start()
      stop = () => {
        signal.removeEventListener('abort', abort)
        timer.stop()
      }
      if (signal.aborted) abort()
    })
    this.#stop = stop
    this.exceeded.catch(() => {})
  }

  stop(): void {
    this.#stop()
  }
}

function tooSlow(pid: number | undefined, startTimeout: number): TemplateError {
  const text =
    `The template (pid ${pid}) was not ready within ${startTimeout} ms and was killed. ` +
    'A module that it preloads may not come to an end, or the limit of processes (ulimit -u) may be too low. ' +
    'If the template only needs longer, raise the option startTimeout.'
  return new TemplateError('ERR_TEMPLATE_START', text)
}

async function untilReady(
  template: TemplateProcess,
  socket: Socket,
  options: TemplateOptions,
): Promise<TemplateReport> {
  const status = await readStatus(socket)
  if (status?.files) options.onFiles?.(status.files)
  if (status) return reportOf(status, options.config.listen)
  const died = template.ended.then((fate) => {
    const text = `The template (pid ${template.pid}) ${fate} before it was ready. Its output on stderr may say why.`
    return new TemplateError('ERR_TEMPLATE_START', text)
  })
  throw await Promise.race([template.failed, died])
}

function sendStartup(socket: Socket, { key, config }: TemplateOptions): void {
  socket.on('error', () => {}) // the template ended; its report says why
  socket.write(key.borrowBytes())
  socket.end(encodeFrame(Buffer.from(JSON.stringify(config))))
}
