// Runs in: owner. The competitors in the races: forkserver, what Node offers, CPython, and the C program.
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { ForkServer, Process, remote } from 'forkserver'
import { LineProcess } from './line-process.js'
import { type Contender, lanes } from './race.js'
import type { Skipped } from './report.js'
import type { Scope } from './scope.js'

const COMPILE_MS = 30_000

/** The folder of the files that are not compiled. */
export const SOURCES = fileURLToPath(new URL('../../bench/', import.meta.url))
export const EMPTY = path.join(SOURCES, 'empty.cjs')
/** The script of an idle child of child_process.fork(). */
export const IDLE = path.join(SOURCES, 'idle.cjs')

export const jobs = remote<typeof import('./jobs.js')>(new URL('./jobs.js', import.meta.url))

/** What CPython reports about itself, and the process to ask. */
export interface Python {
  peer: LineProcess
  version: string
  /** Whether its fork server authenticates its clients. */
  authenticates: boolean
  /** Whether it has the same handshake as forkserver. */
  hasModernHandshake: boolean
}

/** Starts one process that does nothing, and joins it. */
export async function runNothing(server: ForkServer): Promise<void> {
  const child = new Process(jobs.nothing, [], { server })
  await child.start()
  const { exitCode } = await child.join()
  if (exitCode !== 0) throw new Error(`A child ended with ${exitCode}.`)
}

/** A control socket that other processes can reach, and its key. */
export interface Target {
  path: string
  key: Uint8Array
}

/** Starts one process that does nothing over a connection of its own, and joins it. */
export async function runOverNewConnection({ path, key }: Target): Promise<void> {
  const server = await ForkServer.connect({ path }, key)
  try {
    await runNothing(server)
  } finally {
    await server.close({ children: 'kill' })
  }
}

export function forkServerContender(name: string, server: ForkServer): Contender {
  return { name, race: (ms) => lanes(ms, () => runNothing(server)) }
}

/** child_process.fork() of an empty script, from start to exit. */
export function childProcessContender(scope: Scope): Contender {
  const running = new Set<ChildProcess>()
  scope.defer(() => {
    for (const child of running) child.kill('SIGKILL')
  })
  const one = async (): Promise<void> => {
    const child = fork(EMPTY)
    running.add(child)
    const [exitCode] = await once(child, 'exit')
    running.delete(child)
    if (exitCode !== 0) throw new Error(`A process of child_process.fork() ended with ${exitCode}.`)
  }
  return { name: 'child_process.fork', race: (ms) => lanes(ms, one) }
}

/** A thread is not a process. It is measured because people use threads instead of processes. */
export function workerContender(scope: Scope): Contender {
  const running = new Set<Worker>()
  scope.defer(() => Promise.all([...running].map((worker) => worker.terminate())))
  const one = async (): Promise<void> => {
    const worker = new Worker(EMPTY)
    running.add(worker)
    await once(worker, 'exit')
    running.delete(worker)
  }
  return { name: 'worker_threads Worker', race: (ms) => lanes(ms, one) }
}

/** A temporary folder that is removed at the end of the scope. */
export async function temporaryFolder(scope: Scope): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'fsb-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove) // if the benchmark is interrupted
  scope.defer(() => {
    process.off('exit', remove)
    remove()
  })
  return folder
}

/**
 * Starts a module of this folder with each Python in FORKSERVER_BENCH_PYTHON (commands, separated by ':'), or with
 * `python3`.
 */
export async function startPythons(
  scope: Scope,
  folder: string,
  skipped: Skipped[],
  module = 'cpython',
): Promise<Python[]> {
  const commands = (process.env.FORKSERVER_BENCH_PYTHON || 'python3').split(':').filter(Boolean)
  const pythons: Python[] = []
  for (const command of commands) {
    // TMPDIR, because a Python that is killed leaves its socket behind. The module is named by its path, so that a
    // child does not import it again as __main__.
    const env = { ...process.env, TMPDIR: folder, PYTHONPATH: SOURCES, PYTHONDONTWRITEBYTECODE: '1' }
    try {
      const { peer, greeting } = await LineProcess.start(command, ['-c', `import ${module}; ${module}.main()`], env)
      scope.use(peer)
      pythons.push({ peer, ...(JSON.parse(greeting) as Omit<Python, 'peer'>) })
    } catch (error) {
      skipped.push({ what: `CPython (${path.basename(command)})`, why: (error as Error).message })
    }
  }
  return pythons
}

export function pythonContender({ peer, version, authenticates }: Python): Contender {
  const name = `CPython ${version} forkserver${authenticates ? '' : ' (not authenticated)'}`
  return { name, race: (ms) => peer.race(ms) }
}

/** Compiles the C program. Returns its path, or undefined if there is no compiler. */
export async function compileFloor(folder: string, skipped: Skipped[]): Promise<string | undefined> {
  const program = path.join(folder, 'floor')
  try {
    const args = ['-O2', '-o', program, path.join(SOURCES, 'floor.c')]
    await promisify(execFile)(process.env.CC || 'cc', args, { timeout: COMPILE_MS })
    return program
  } catch (error) {
    skipped.push({ what: 'the floor', why: `floor.c could not be compiled: ${(error as Error).message.trim()}` })
    return undefined
  }
}

/** Starts the C program, with this much memory. Its children write to so many pages of it. */
export async function startFloor(scope: Scope, program: string, bytes: number, pages = 0): Promise<LineProcess> {
  const { peer } = await LineProcess.start(program, [String(bytes), String(pages)])
  return scope.use(peer)
}

export async function floorContender(
  scope: Scope,
  program: string,
  { name, bytes, pages }: { name: string; bytes: number; pages?: number },
): Promise<Contender> {
  const peer = await startFloor(scope, program, bytes, pages)
  return { name, race: (ms) => peer.race(ms) }
}
