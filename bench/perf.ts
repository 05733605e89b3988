// Runs in: owner. Records the page faults of a template's children by perf, which needs root or
// kernel.perf_event_paranoid = -1.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'
import { Scope, within } from './scope.js'

const TRACEPOINTS = ['exceptions:page_fault_user', 'exceptions:page_fault_kernel']
/** Behind each of the kernel's events comes perf's own, which knows the name of the function. */
const EVENTS = [...TRACEPOINTS, 'page-faults'].join(',')
const BEGIN_MS = 20_000
const END_MS = 60_000
const MOST_TEXT_BYTES = 2 ** 30
const run = promisify(execFile)

/** Why the faults cannot be recorded here, or undefined. */
export async function whyNoFaults(): Promise<string | undefined> {
  try {
    await run('perf', ['stat', '-e', EVENTS, 'true'], { timeout: BEGIN_MS })
    await run('nm', ['--version'], { timeout: BEGIN_MS })
    return undefined
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string; stderr?: string }
    if (code === 'ENOENT') return 'it needs perf (the package linux-perf) and nm (binutils)'
    return `perf may not record page faults here: ${stderr.trim().split('\n')[0]}`
  }
}

/** The symbols of a program, by name. */
export async function symbolsOf(program: string): Promise<Map<string, number>> {
  const { stdout } = await run('nm', ['--defined-only', program], { maxBuffer: MOST_TEXT_BYTES, timeout: END_MS })
  return new Map([...stdout.matchAll(/^(\w+) \w (.+)$/gm)].map(([, address, name]) => [name!, Number(`0x${address}`)]))
}

/** What perf records of a process and of its children while `work` runs, as `perf script` prints it. */
export async function recordFaults(pid: number, work: () => Promise<void>): Promise<string> {
  await using scope = new Scope()
  const folder = await mkdtemp(path.join(os.tmpdir(), 'forkserver-faults-'))
  scope.defer(() => rm(folder, { recursive: true }))
  const file = path.join(folder, 'perf.data')
  // It begins when it is told to on its descriptor 3, and says on 4 that it did.
  const control = ['--delay=-1', '--control=fd:3,4']
  const args = ['record', '-q', '-e', EVENTS, '-c', '1', '-d', '-m', '1024', ...control, '-o', file, '-p', String(pid)]
  const perf: ChildProcess = spawn('perf', args, { stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'] })
  const ended = once(perf, 'exit')
  scope.defer(async () => {
    perf.kill('SIGINT') // it writes its file
    await within(END_MS, 'perf', ended)
  })
  const [orders, answers] = perf.stdio.slice(3) as [Writable, Readable]
  orders.on('error', () => {}) // EPIPE: it has ended, and so do the answers
  orders.write('enable\n')
  await within(BEGIN_MS, 'perf', Promise.race([once(answers, 'data'), ended]))
  if (perf.exitCode !== null) throw new Error(`perf ended with ${perf.exitCode}.`)
  await work()
  perf.kill('SIGINT')
  await within(END_MS, 'perf', ended)
  const fields = 'pid,tid,event,addr,ip,sym,trace'
  const { stdout } = await run('perf', ['script', '-i', file, '-F', fields], {
    maxBuffer: MOST_TEXT_BYTES,
    timeout: END_MS,
  })
  return stdout
}
