// Runs in: owner. The three ways to transpile a file in its own process: forked from a template, and the two that Node
// offers.
import { execFile, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type ForkServer, Process, remote } from 'forkserver'
import type { Transpiled } from './jobs.js'

export interface Task {
  /** Absolute path. */
  file: string
  /** Whether its process reports how much memory it uses. */
  wantsMemory: boolean
}

/** The messages of peer-fork.ts. */
export type PeerAnswer = { transpiled: Transpiled } | { failed: string }

/** The limits of every process. */
export interface Bounds {
  timeout: number
  signal: AbortSignal
}

/** Starts one process, and waits for its result and its end. */
export interface Way {
  name: string
  run(task: Task): Promise<Transpiled>
}

export const jobs = remote<typeof import('./jobs.js')>(new URL('./jobs.js', import.meta.url))

const PEER_NODE = fileURLToPath(new URL('./peer-node.js', import.meta.url))
const PEER_FORK = fileURLToPath(new URL('./peer-fork.js', import.meta.url))
/**
 * Node options for all three ways. V8 optimises code that runs often in the background. A process that transpiles one
 * file ends before that helps, and the other processes need the processors.
 */
export const NODE_FLAGS = ['--no-opt', '--no-maglev']

const execFileAsync = promisify(execFile)

function late(timeout: number): Error {
  return new Error(`it was killed after its timeout of ${timeout} ms`)
}

export function forkserver(server: ForkServer, { timeout, signal }: Bounds): Way {
  const stdio = ['ignore', 'ignore', 'inherit'] as const
  const run = async ({ file, wantsMemory }: Task): Promise<Transpiled> => {
    const child = await new Process(jobs.transpile, [file, wantsMemory], { server, stdio, timeout, signal }).start()
    const exit = await child.join()
    const result = await child.result
    if (exit.exitCode !== 0) throw new Error(`its process ended with ${exit.signal ?? `code ${exit.exitCode}`}`)
    return result
  }
  return { name: server.startMethod === 'spawn' ? 'forkserver (spawn)' : 'forkserver', run }
}

export function childProcessFork({ timeout, signal }: Bounds): Way {
  const run = ({ file, wantsMemory }: Task): Promise<Transpiled> =>
    new Promise((resolve, reject) => {
      const stdio = ['ignore', 'ignore', 'inherit', 'ipc'] as const
      const peer = fork(PEER_FORK, { stdio: [...stdio], execArgv: NODE_FLAGS, timeout, signal, killSignal: 'SIGKILL' })
      let answer: PeerAnswer | undefined
      peer.on('error', reject)
      peer.on('message', (message: PeerAnswer) => {
        answer = message
      })
      peer.on('close', (code, killedBy) => {
        if (answer && 'transpiled' in answer && code === 0) return resolve(answer.transpiled)
        if (answer && 'failed' in answer) return reject(new Error(answer.failed))
        reject(peer.killed ? late(timeout) : new Error(`its process ended with ${killedBy ?? `code ${code}`}`))
      })
      peer.send({ file, wantsMemory } satisfies Task)
    })
  return { name: 'child_process.fork', run }
}

export function plainNode({ timeout, signal }: Bounds): Way {
  const run = async ({ file, wantsMemory }: Task): Promise<Transpiled> => {
    const args = [...NODE_FLAGS, PEER_NODE, file, wantsMemory ? 'yes' : 'no']
    try {
      const { stdout } = await execFileAsync(process.execPath, args, { timeout, signal, killSignal: 'SIGKILL' })
      return JSON.parse(stdout) as Transpiled
    } catch (error) {
      const { killed, stderr, message } = error as Error & { killed?: boolean; stderr?: string }
      if (killed && !signal.aborted) throw late(timeout)
      throw new Error(stderr || message, { cause: error })
    }
  }
  return { name: 'plain node', run }
}
