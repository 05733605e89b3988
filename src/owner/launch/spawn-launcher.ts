// Runs in: owner. The start method `spawn`: a Launcher over child_process, used if fork does not work or is not wanted.
// The same job goes over the same channel; only the start is slower.
import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { findNative, systemError } from '../../platform/native.js'
import { ownFile } from '../../platform/own-files.js'
import { rssOf } from '../../platform/process-state.js'
import { readToTheEnd } from '../../platform/read-to-end.js'
import { encodeFrameHeader } from '../../wire/frames.js'
import { encodeJob } from '../../wire/job.js'
import { MAX_STDIO, type PreloadModule, SPAWNED_DESCRIPTORS } from '../../wire/startup.js'
import type { Exit } from './exit.js'
import { JobChannelReader } from './job-channel-reader.js'
import type { Launched, Launcher, LaunchRequest } from './launcher.js'
import { Lifeline } from './lifeline.js'
import { reapWithThread } from './thread-children.js'

const MAIN = ownFile('main/spawned-child.js')

export interface SpawnOptions {
  /** Modules that every child loads before its job. */
  preload: readonly PreloadModule[]
  execArgv: readonly string[]
  /** Why it does not fork, as a clause. */
  reason: string
}

/** Launches children as new Node processes. */
export class SpawnLauncher implements Launcher {
  readonly startMethod = 'spawn'
  readonly #options: SpawnOptions
  /** Undefined without the addon: a child needs it to hold the lifeline. */
  readonly #lifeline: Lifeline | undefined
  /** Children that may not outlive this process. */
  readonly #attached = new Map<ChildProcess, { exited: Promise<Exit>; isTree: boolean }>()
  #isKilling = false
  #restarts = 0

  constructor(options: SpawnOptions) {
    this.#options = options
    const found = findNative()
    this.#lifeline = 'native' in found ? new Lifeline(found.native) : undefined
  }

  get reason(): string {
    return this.#options.reason
  }

  async launch(request: LaunchRequest): Promise<Launched> {
    request.signal?.throwIfAborted()
    const restarts = this.#restarts
    const child = this.#spawn(request)
    reapWithThread(child)
    const exited = new Promise<Exit>((resolve) => child.on('exit', (exitCode, signal) => resolve({ exitCode, signal })))
    const started = new Promise<void>((resolve, reject) => {
      child.on('spawn', resolve)
      child.on('error', (error) => reject(systemError(error)))
    })
    // Node has waited for the process by now. A group that is not empty keeps its number.
    if (request.killTree) exited.then(() => signalGroup(child.pid!, 'SIGKILL'))
    if (!request.detached) this.#follow(child, exited, request.killTree)
    if (child.pid === undefined) await started // it rejects; if descriptors ran out there are no streams either
    const streams: readonly unknown[] = child.stdio // their type ends at 4
    const stdio = request.stdio.map((_, index) => streams[index] as Duplex | null)
    for (const stream of stdio) stream?.on('error', () => stream.destroy()) // as in pipeOf()
    const watched = streams[SPAWNED_DESCRIPTORS.lifeline] as Socket | null | undefined
    watched?.on('error', () => {}).unref()
    const channel = readToTheEnd(streams[SPAWNED_DESCRIPTORS.channel] as Socket)
    const reader = new JobChannelReader(channel)
    channel.on('data', (chunk: Buffer) => reader.read(chunk))
    const payload = encodeJob({ ...request.head, cwd: request.cwd, preload: this.#options.preload }, request.args)
    channel.write(encodeFrameHeader(payload.length))
    channel.write(payload)
    await started
    return {
      pid: child.pid!,
      channel: reader,
      stdio,
      ipc: request.stdio.includes('ipc') ? child : null,
      exited,
      isStale: () => restarts !== this.#restarts,
      rssBytes: () => rssOf(child.pid!),
      kill: (signal) => signalTo(child, signal, request.killTree),
      holdLoop: (on) => {
        for (const handle of [child, channel]) {
          if (on) handle.ref()
          else handle.unref()
        }
      },
    }
  }

  #spawn(request: LaunchRequest): ChildProcess {
    let devNull: number | undefined
    try {
      // By its descriptor: 'ignore' opens nothing from 3 on, and the child's Node would use the number for itself.
      if (request.detached) devNull = openSync('/dev/null', 'r')
      // The working directory goes with the job, as for a forked child. So a wrong one is an error that names it.
      const stdio: StdioOptions = [...request.stdio]
      for (let fd = stdio.length; fd < MAX_STDIO; fd++) stdio.push('ignore')
      stdio[SPAWNED_DESCRIPTORS.channel] = 'pipe'
      // Without the addon each child has a socket of its own for it (child/end-with-owner.ts).
      stdio[SPAWNED_DESCRIPTORS.lifeline] = devNull ?? this.#lifeline?.readEnd ?? 'pipe'
      return spawn(process.execPath, [...this.#options.execArgv, MAIN], {
        stdio,
        env: request.env,
        serialization: request.serialization,
        detached: request.detached || request.killTree, // a session, and so a process group, of its own
      })
    } catch (error) {
      throw systemError(error as Error) // EBADF and E2BIG are thrown, other errors are emitted
    } finally {
      if (devNull !== undefined) closeSync(devNull)
    }
  }

  #follow(child: ChildProcess, exited: Promise<Exit>, isTree: boolean): void {
    if (child.pid === undefined) return
    this.#attached.set(child, { exited, isTree })
    exited.then(() => this.#attached.delete(child))
    if (this.#isKilling) signalTo(child, 'SIGKILL', isTree)
  }

  /** Each process loads everything anew. Only those that run already have what was loaded before. */
  async restart(): Promise<void> {
    this.#restarts++
  }

  killAttached(): void {
    this.#isKilling = true
    for (const [child, { isTree }] of this.#attached) signalTo(child, 'SIGKILL', isTree)
  }

  async close(): Promise<void> {
    for (const child of this.#attached.keys()) child.ref() // the event loop has to wait for them
    await Promise.all([...this.#attached.values()].map(({ exited }) => exited))
    this.#lifeline?.close()
  }
}

/** Sends a signal to a process, or to its whole process group. Returns false if the process has ended. */
function signalTo(child: ChildProcess, signal: NodeJS.Signals, isTree: boolean): boolean {
  if (!isTree || child.exitCode !== null || child.signalCode !== null) return child.kill(signal)
  // Nobody has waited for the process, so the number of its group is still its own
  return signalGroup(child.pid!, signal)
}

function signalGroup(leader: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-leader, signal)
  } catch {
    return false // ESRCH: no process is left in the group
  }
}
