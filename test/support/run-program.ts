// Runs in: the test runner. Runs a program by plain node, and in a forked child, and tells all that can be seen of it
// from outside.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { type ForkServer, Process, program } from 'forkserver'
import type { Case } from './programs.js'

/** A program that takes longer hangs, in milliseconds. */
const PATIENCE_MS = 60_000
/** Longer outputs are shown by their length and hash. */
const MAX_SHOWN = 20_000

/** Stands for the frame that called the main module. */
const ENTRY = "(Node's entry)"

/** What a program did, as far as one sees it. */
export interface Seen {
  stdout: string
  stderr: string
  exitCode: number | null
  signal: string | null
  files: Record<string, string>
  /** Whether it had to be killed. */
  hung: boolean
}

/** A process that was started, by whatever means. */
interface Started {
  pid: number
  stdin: Writable | null
  stdout: Readable | null
  stderr: Readable | null
  ended: Promise<{ exitCode: number | null; signal: string | null }>
  kill(): void
}

/** What every program finds, beside what its case adds: little, and the same on every machine. */
export const ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/bin:/bin', HOME: '/nowhere', LANG: 'C.UTF-8' }

const at = (run: Case, name: string): string => path.join(path.dirname(run.file), name)
const mainOf = (run: Case): string => (run.main === undefined ? run.file : at(run, run.main))
const isModule = (run: Case): boolean => run.file.endsWith('.mjs')

function environmentOf(run: Case): Record<string, string> {
  const nodePath = run.nodePath === undefined ? {} : { NODE_PATH: at(run, run.nodePath) }
  return { ...ENVIRONMENT, ...run.env, ...nodePath }
}

type Stdio = ('pipe' | 'ignore' | number)[]

async function startPlain(run: Case, cwd: string, stdio: Stdio): Promise<Started> {
  const { flags = [], require = [], import: imports = [], args = [] } = run
  const preload = [
    ...require.flatMap((name) => ['--require', at(run, name)]),
    ...imports.flatMap((name) => ['--import', at(run, name)]),
  ]
  const code = (): string => readFileSync(run.file, 'utf8')
  const main =
    run.as === 'eval'
      ? [...(isModule(run) ? ['--input-type=module'] : []), '--eval', code()]
      : [run.as === 'stdin' ? '-' : mainOf(run)]
  const child: ChildProcess = spawn(process.execPath, [...flags, ...preload, ...main, ...args], {
    cwd,
    env: environmentOf(run),
    stdio,
  })
  const ended = new Promise<{ exitCode: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  const { stdin, stdout, stderr } = child
  return { pid: child.pid!, stdin, stdout, stderr, ended, kill: () => child.kill('SIGKILL') }
}

async function startForked(run: Case, cwd: string, stdio: Stdio, server: ForkServer): Promise<Started> {
  const { args = [], require = [], import: imports = [] } = run
  const source =
    run.as === 'eval'
      ? { eval: readFileSync(run.file, 'utf8'), ...(isModule(run) ? { inputType: 'module' as const } : {}) }
      : run.as === 'stdin'
        ? { stdin: true as const }
        : mainOf(run)
  const what = program(source, {
    require: require.map((name) => at(run, name)),
    import: imports.map((name) => at(run, name)),
  })
  const p = await new Process(what, args, { server, cwd, env: environmentOf(run), stdio }).start()
  p.result.catch(() => {}) // its exit is what counts here
  const { stdin, stdout, stderr } = p
  return { pid: p.pid!, stdin, stdout, stderr, ended: p.join(), kill: () => p.kill() }
}

/**
 * Runs a program in the folder `cwd`, which is made for it and then removed: in a child of `server`, or else by plain
 * node.
 */
export async function runProgram(run: Case, cwd: string, server?: ForkServer): Promise<Seen> {
  mkdirSync(cwd)
  const input = `${cwd}.stdin`
  writeFileSync(input, run.stdin ?? '')
  const opened: number[] = []
  const open = (index: number): number => {
    const fd = index === 0 ? openSync(input, 'r') : openSync(path.join(cwd, `descriptor-${index}`), 'a')
    opened.push(fd)
    return fd
  }
  try {
    const stdio = [0, 1, 2].map((index) => {
      const target = run.stdio?.[index] ?? 'pipe'
      return target === 'file' ? open(index) : target
    })
    const started = await (server ? startForked(run, cwd, stdio, server) : startPlain(run, cwd, stdio))
    const seen = await watch(run, started)
    return { ...seen, files: readFiles(cwd) }
  } finally {
    for (const fd of opened) closeSync(fd)
    rmSync(input)
    rmSync(cwd, { recursive: true })
  }
}

async function watch(run: Case, started: Started): Promise<Seen> {
  let hung = false
  const timer = setTimeout(() => {
    hung = true
    started.kill()
  }, PATIENCE_MS)
  const { stdin, stdout, stderr } = started
  stdin?.on('error', () => {}) // EPIPE: it ended without reading
  if (run.closeStdout) stdout?.destroy()
  const outputs = Promise.all([run.closeStdout ? '' : collect(stdout), collect(stderr)])
  stdin?.write(run.as === 'stdin' ? readFileSync(run.file) : (run.stdin ?? 'x'.repeat(run.stdinLength ?? 0)))
  if (!run.stdinOpen) stdin?.end()
  const exit = await started.ended
  clearTimeout(timer)
  stdin?.destroy()
  const [out, err] = await outputs
  const tell = (text: string): string => short(normalise(text, started.pid))
  return { stdout: tell(out), stderr: tell(err), exitCode: exit.exitCode, signal: exit.signal, files: {}, hung }
}

async function collect(stream: Readable | null): Promise<string> {
  if (!stream) return ''
  const parts: Buffer[] = []
  for await (const chunk of stream) parts.push(chunk as Buffer)
  return Buffer.concat(parts).toString('latin1') // byte by byte: what is no UTF-8 must be the same, too
}

function short(text: string): string {
  if (text.length <= MAX_SHOWN) return Buffer.from(text, 'latin1').toString()
  const digest = createHash('sha256').update(text).digest('hex')
  return `${text.length} bytes, ${digest}, at the end ${JSON.stringify(text.slice(-80))}`
}

function readFiles(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const contentOf = (file: string, isLink: boolean, isFile: boolean): string =>
    isLink ? `-> ${readlinkSync(file)}` : isFile ? short(readFileSync(file, 'latin1')) : 'no file'
  return Object.fromEntries(
    entries
      .map((entry) => {
        const file = path.join(entry.parentPath ?? entry.path, entry.name)
        return [path.relative(folder, file), contentOf(file, entry.isSymbolicLink(), entry.isFile())] as const
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

/**
 * Takes out of an output what differs between any two runs of plain node. One rule a line, and nothing else is hidden.
 */
export function normalise(text: string, pid: number): string {
  return (
    text
      // Node puts the process id into warnings, and into what NODE_DEBUG asks for.
      .replaceAll(`(node:${pid})`, '(node:PID)')
      .replace(new RegExp(`^([A-Z]+) ${pid}: `, 'gm'), '$1 PID: ')
      // The test runner tells how long each test took.
      .replace(/duration_ms(:?) [\d.]+/g, 'duration_ms$1 N')
      .replace(/\([\d.]+ms\)/g, '(Nms)')
      // The inspector tells its port, which is any, and its target's id, which is random.
      .replace(/ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]{36}/g, 'ws://127.0.0.1:PORT/ID')
      // An exhausted heap is told with times, sizes and addresses; what failed is said behind them.
      .replace(/<--- Last few GCs --->.*?(?=FATAL ERROR)/gs, '')
      // The lowest frame is who called the main module: a script of Node's there, which stands for its C++; the loop's
      // first turn here.
      .replace(/(?:process\.)?processImmediate \(node:internal\/timers:\d+:\d+\)/g, ENTRY)
      .replace(/node:internal\/main\/run_main_module:\d+:\d+/g, ENTRY)
      // Which of V8's attempts to find room was the last is a matter of moments.
      .replace(
        /FATAL ERROR: (CALL_AND_RETRY_LAST|Reached heap limit|Ineffective mark-compacts near heap limit) /,
        'FATAL ERROR: ',
      )
      // Behind a fatal error Node lists C++ frames by address.
      .replace(/\n *\d+: 0x[0-9a-f]+ [^\n]*/g, '')
  )
}
