// Runs in: a tool process. Runs one test file, by plain node or in a forked child, and ends everything that the test
// has left.
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { type ForkServer, Process, program } from 'forkserver'
import type { NodeTest } from './tests.js'

/** How one run of a test ended. */
export interface Ran {
  passed: boolean
  /** 'exit code 1', 'SIGSEGV', 'over 60 s' */
  how: string
  /** The last part of its output, stdout before stderr. */
  said: string
}

/** Where tests are run, and for how long. */
export interface Site {
  readonly root: string
  readonly timeoutMs: number
  /** The environment of every test, with the mark of this run. */
  readonly env: Readonly<Record<string, string>>
}

interface Started {
  pid: number
  stdout: Readable | null
  stderr: Readable | null
  ended: Promise<{ exitCode: number | null; signal: string | null }>
}

const FORKSERVER = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const MAX_SAID = 1_000
/**
 * A process that inherits the output of a test can keep it open after the test has ended. Reading continues for this
 * many milliseconds.
 */
const OUTPUT_PATIENCE_MS = 1_000

function startPlain(test: NodeTest, { root }: Site, env: Record<string, string>, first: string[] = []): Started {
  const { flags, require, import: imports } = test
  const preload = [
    ...first,
    ...require.flatMap((name) => ['--require', name]),
    ...imports.flatMap((name) => ['--import', name]),
  ]
  const file = path.join(root, 'test', test.name)
  const child = spawn(process.execPath, [...flags, ...preload, file], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const ended = new Promise<{ exitCode: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  return { pid: child.pid!, stdout: child.stdout, stderr: child.stderr, ended }
}

async function startForked(
  test: NodeTest,
  { root }: Site,
  env: Record<string, string>,
  server: ForkServer,
): Promise<Started> {
  const what = program(path.join(root, 'test', test.name), { require: test.require, import: test.import })
  const options = { server, cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true } as const
  const p = await new Process(what, [], options).start()
  p.result.catch(() => {}) // only its exit counts here
  return { pid: p.pid!, stdout: p.stdout, stderr: p.stderr, ended: p.join() }
}

/** Runs the test by plain node, with the processes that it starts forked from the template of this server. */
function startDropIn(test: NodeTest, site: Site, env: Record<string, string>, server: ForkServer): Started {
  const template = JSON.stringify({ address: server.address, key: server.key!.export().toString('hex') })
  const hook = new URL('./drop-in-hook.js', import.meta.url).href
  return startPlain(test, site, { ...env, CONFORMANCE_TEMPLATE: template }, ['--import', hook])
}

/** What is compared with plain node: a test as the main program of a forked child, or the processes that it starts. */
export type Mode = 'program' | 'drop-in'

/** Runs a test in a process group of its own, and ends the group with it. */
export async function runTest(
  test: NodeTest,
  site: Site,
  lane: number,
  server?: ForkServer,
  mode: Mode = 'program',
): Promise<Ran> {
  // Each lane has a temporary folder and ports of its own (test/common/tmpdir.js, test/common/index.js).
  const own = { TEST_SERIAL_ID: String(lane), TEST_PARALLEL: '1', NODE_COMMON_PORT: String(12_346 + 100 * lane) }
  const env = { ...site.env, ...own, ...test.env }
  const start = mode === 'program' ? startForked : startDropIn
  const started = server ? await start(test, site, env, server) : startPlain(test, site, env)
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    killGroup(started.pid)
  }, site.timeoutMs)
  const outputs = [started.stdout, started.stderr].map(readEnd)
  const { exitCode, signal } = await started.ended
  clearTimeout(timer)
  killGroup(started.pid)
  const said = (await Promise.all(outputs.map(({ end }) => end()))).join('\n')
  const how = isLate ? `over ${site.timeoutMs / 1000} s` : (signal ?? `exit code ${exitCode}`)
  return { passed: exitCode === 0 && !isLate, how, said: withoutPlaces(said.trim(), site).slice(-MAX_SAID) }
}

// Paths of this machine do not belong into the results.
function withoutPlaces(text: string, { root }: Site): string {
  return text.replaceAll(root, '.').replaceAll(FORKSERVER, 'forkserver').replaceAll(process.execPath, 'node')
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {} // ESRCH: no process is left
}

function readEnd(stream: Readable | null): { end(): Promise<string> } {
  let text = ''
  const ended = new Promise<void>((resolve) => {
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString('latin1')).slice(-MAX_SAID)
    })
    stream?.on('error', () => {}).on('close', resolve)
    if (!stream) resolve()
  })
  return {
    async end() {
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, OUTPUT_PATIENCE_MS)
      })
      await Promise.race([ended, tooLate])
      clearTimeout(timer)
      stream?.destroy()
      return text
    },
  }
}

/**
 * Kills the processes that have left the group: all that have the mark of this run in their environment. Returns how
 * many there were.
 */
export function killStrays(mark: string, spare: ReadonlySet<number>): number {
  let count = 0
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid) || pid === process.pid || spare.has(pid)) continue
    try {
      if (!readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(mark)) continue
      process.kill(pid, 'SIGKILL')
      count++
    } catch {} // it has ended, or belongs to another user
  }
  return count
}
