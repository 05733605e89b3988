// Runs in: owner. The handle of a ChildProcess whose process is forked from a template. Node's ChildProcess does all
// the rest: streams, IPC, events, kill. If the template cannot be asked, the process is spawned by Node's own handle.
import { AsyncResource } from 'node:async_hooks'
import type { ChildProcess } from 'node:child_process'
import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import os from 'node:os'
import { pathToFileURL } from 'node:url'
import { check, native } from '../../platform/native.js'
import { setImmediate } from '../../platform/timers.js'
import type { Serialization } from '../../wire/job.js'
import { MAX_STDIO } from '../../wire/startup.js'
import { encodeValue } from '../../wire/values/clone.js'
import type { Launched, LaunchRequest, StdioTarget } from '../launch/launcher.js'
import { launchNow } from '../server/fork-server.js'
import { packageOf, type ScriptLine } from './command-line.js'
import type { Template } from './fork-templates.js'
import { environmentOf, readSpawnCall, type SpawnCall, type StdioEntry } from './spawn-call.js'

/** How long fork() waits for a template that does not answer before it spawns, in milliseconds. */
const ANSWER_LIMIT_MS = 1_000

const NOT_NOW =
  'no template can be asked now: it is busy or starts, its server is closed, or this process has changed its user, ' +
  'groups, umask or priority since the template started'

const { ESRCH, EINVAL } = os.constants.errno
/** The exit code of a process that ended after its template, by a signal for example. */
const UNSEEN = 1

/** A handle of Node's, undocumented, in Node 20, 22, 24 and 26. */
export interface ProcessHandle {
  pid?: number
  onexit?: ((exitCode: number, signal: string) => void) | undefined
  spawn(...args: unknown[]): number
  kill(signal: number): number
  ref(): void
  unref(): void
  hasRef(): boolean
  close(callback?: () => void): void
}

/** Takes the place of a ChildProcess's own handle. */
export class TemplateHandle extends AsyncResource implements ProcessHandle {
  readonly #child: ChildProcess & { _handle: ProcessHandle | null }
  readonly #plain: ProcessHandle
  readonly #template: Template
  readonly #line: ScriptLine
  readonly #onRefused: (reason: string) => void
  #launched: Launched | undefined
  #isRefed = true
  #isOver = false
  pid = 0
  onexit: ProcessHandle['onexit']

  constructor(child: ChildProcess, template: Template, line: ScriptLine, onRefused: (reason: string) => void) {
    super('PROCESSWRAP') // listeners of 'exit' run in the context of the call of fork()
    this.#child = child as ChildProcess & { _handle: ProcessHandle }
    this.#plain = this.#child._handle!
    this.#template = template
    this.#line = line
    this.#onRefused = onRefused
    this.onexit = this.#plain.onexit
  }

  /** Node calls it once. The errors of a process that cannot be started are those of Node's own handle. */
  spawn(...args: unknown[]): number {
    try {
      this.#launched = this.#launch(readSpawnCall(args))
    } catch (error) {
      this.#onRefused(String(error))
    }
    if (this.#launched) {
      this.pid = this.#launched.pid
      this.#follow(this.#launched)
      cutLoose(this.#plain, this.#child)
      return 0
    }
    this.#child._handle = this.#plain
    return this.#plain.spawn(...args)
  }

  #launch(call: SpawnCall): Launched | undefined {
    const refused = whyNot(call)
    if (refused) this.#onRefused(refused)
    if (refused) return undefined
    const pipes = new Pipes()
    try {
      const stdio = call.stdio.map((entry, index) => pipes.of(entry, index))
      while (stdio.length < 3) stdio.push('ignore')
      const launched = this.#template.server[launchNow](this.#request(call, stdio), ANSWER_LIMIT_MS)
      if (launched) pipes.open()
      else this.#onRefused(NOT_NOW)
      return launched
    } finally {
      pipes.close()
    }
  }

  #request(call: SpawnCall, stdio: StdioTarget[]): LaunchRequest {
    const { NODE_CHANNEL_FD, NODE_CHANNEL_SERIALIZATION_MODE, ...env } = environmentOf(call.envPairs)
    const ipcFd = call.stdio.findIndex(({ ipc }) => ipc)
    const serialization = NODE_CHANNEL_SERIALIZATION_MODE as Serialization
    if (ipcFd < 0 && NODE_CHANNEL_FD !== undefined) env.NODE_CHANNEL_FD = NODE_CHANNEL_FD
    const { flags, script, args } = this.#line
    return {
      stdio,
      detached: call.isDetached,
      outlives: true,
      killTree: false,
      cwd: call.cwd ?? process.cwd(),
      env,
      head: {
        program: { file: script, execArgv: flags },
        parent: process.pid,
        ...(this.#template.learn && { recordModules: true }),
        ...(ipcFd >= 0 && { ipc: { fd: ipcFd, serialization } }),
        ...(call.gid !== undefined && { gid: call.gid }),
        ...(call.uid !== undefined && { uid: call.uid }),
      },
      args: encodeValue(args, 'arguments'),
    }
  }

  #follow(launched: Launched): void {
    let told: number | undefined
    launched.channel.listen({
      onMessage: (message) => {
        if (message.kind === 'leaving') told = message.exitCode
        if (message.kind === 'modules') this.#learn(message.modules)
      },
      onBroken: () => {}, // the end follows
      onEnd: () => {},
    })
    launched.exited.then(
      ({ exitCode, signal }) => this.#exit(exitCode ?? 0, signal ?? ''),
      // The template was lost. The end of the channel is that of the process, and most say their exit code before.
      (error: Error) =>
        launched.channel.ended.then(() => (told === undefined ? this.#exitUnseen(error) : this.#exit(told, ''))),
    )
  }

  /** Somebody may wait for the exit: one that failed comes behind the error that says why it is not known. */
  #exitUnseen(error: Error): void {
    setImmediate(() => this.runInAsyncScope(() => this.#child.emit('error', error)))
    this.#exit(UNSEEN, '')
  }

  /** Modules of the script's own package are left out: they may expect to be in a process of their tool. */
  #learn(urls: readonly string[]): void {
    const own = packageOf(realPath(this.#line.script))
    const prefix = own && pathToFileURL(own).href
    this.#template.learn?.(prefix ? urls.filter((url) => !url.startsWith(prefix)) : urls)
  }

  #exit(exitCode: number, signal: string): void {
    this.#isOver = true
    // Outside of promises: what a listener throws is an uncaught error. And in the second turn of the loop: the end of
    // the IPC channel can be read one turn later than its last message, and in plain Node it is read before the exit.
    setImmediate(() => setImmediate(() => this.runInAsyncScope(() => this.onexit?.(exitCode, signal))))
  }

  kill(signal: number): number {
    if (this.#isOver || !this.#launched) return -ESRCH
    if (signal === 0) return 0
    const name = Object.entries(os.constants.signals).find(([, number]) => number === signal)?.[0]
    if (!name) return -EINVAL
    return this.#launched.kill(name as NodeJS.Signals) ? 0 : -ESRCH
  }

  ref(): void {
    this.#hold(true)
  }

  unref(): void {
    this.#hold(false)
  }

  #hold(on: boolean): void {
    this.#isRefed = on
    if (!this.#isOver) this.#launched?.holdLoop(on)
  }

  hasRef(): boolean {
    return this.#isRefed && !this.#isOver
  }

  close(callback?: () => void): void {
    if (callback) setImmediate(callback)
  }
}

/**
 * Node keeps a handle that gets no process to its own end, and closes only one whose spawn() was called. So that it
 * does not keep the ChildProcess, what leads there is removed. (A spawn() that libuv refuses, and then close(), freed
 * the handle, too, but one process of a test that had done it never left Node's cleanup.)
 */
function cutLoose(plain: ProcessHandle, child: object): void {
  plain.onexit = undefined
  for (const key of Object.getOwnPropertySymbols(plain))
    if (Reflect.get(plain, key) === child) Reflect.deleteProperty(plain, key)
}

function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

/** Why this call is not for a template: then Node's own handle does what it says, or fails as it does. */
function whyNot({ cwd, stdio, uid, gid }: SpawnCall): string | undefined {
  if (stdio.length > MAX_STDIO) return `it has more than ${MAX_STDIO} descriptors`
  if ((uid !== undefined || gid !== undefined) && process.getuid!() !== 0) return 'only root may set uid and gid'
  if (cwd === undefined) return undefined
  try {
    accessSync(cwd, constants.X_OK)
    return statSync(cwd).isDirectory() ? undefined : 'cwd is not a directory'
  } catch {
    return 'cwd cannot be entered'
  }
}

/** The socket pairs behind the pipes of one process. Those that Node does not take are closed. */
class Pipes {
  readonly #ours: { fd: number; handle: { open(fd: number): void } }[] = []
  readonly #theirs: number[] = []

  /** The descriptor that becomes number `index` of the process. */
  of({ type, fd, handle }: StdioEntry, index: number): StdioTarget {
    if (type === 'ignore') return 'ignore'
    if (type === 'pipe' || type === 'overlapped') return this.#pair(handle!)
    return fd ?? handle?.fd ?? index
  }

  #pair(handle: { open(fd: number): void }): number {
    const ends = new Int32Array(2)
    check('socketpair', native().socketPair(ends))
    this.#ours.push({ fd: ends[0]!, handle })
    this.#theirs.push(ends[1]!)
    return ends[1]!
  }

  /** The process exists: Node's streams have our ends. */
  open(): void {
    for (const { fd, handle } of this.#ours.splice(0)) handle.open(fd)
  }

  close(): void {
    for (const fd of [...this.#theirs, ...this.#ours.map(({ fd }) => fd)]) native().close(fd)
  }
}
