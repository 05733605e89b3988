// Runs in: template (preloaded) and child. The work of the stress cells. Each uses one part of Node that a wrong fork
// breaks, and then ends in the way that it was told.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import net, { type AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import { gunzip, gzip } from 'node:zlib'

/** The ways to end, and what the owner sees of each: exit code or signal. */
export const WAYS = {
  return: { exitCode: 0, signal: null },
  exitCode: { exitCode: 7, signal: null },
  exit: { exitCode: 9, signal: null },
  throw: { exitCode: 1, signal: null },
  uncaught: { exitCode: 1, signal: null },
  signal: { exitCode: null, signal: 'SIGKILL' },
} as const

export type Way = keyof typeof WAYS

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(`wrong result: ${what}`)
}

function churn(objects: number): unknown[] {
  let kept: unknown[] = []
  for (let i = 0; i < objects; i++) {
    kept.push({ i, text: `x${i}` })
    if (kept.length > 100_000) kept = []
  }
  return kept
}

function compileAndRun(seed: number, calls: number): void {
  const f = new Function('x', `let s = ${seed}; for (let i = 0; i < x; i++) s = (s * 31 + i) | 0; return s`)
  for (let i = 0; i < calls; i++) f(500)
}

function gc(): void {
  setFlagsFromString('--expose-gc')
  ;(vm.runInNewContext('gc') as () => void)()
}

// (func (export "f") (param $n i32) (result i32): the sum of 1 to n, in a loop)
const WASM = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 27, 1, 25, 1, 1, 127,
  3, 64, 32, 1, 32, 0, 106, 33, 1, 32, 0, 65, 1, 107, 34, 0, 13, 0, 11, 32, 1, 11,
])

// The types of Node 20 do not declare this global.
const wasm = (
  globalThis as unknown as {
    WebAssembly: { instantiate(bytes: Uint8Array): Promise<{ instance: { exports: { f(n: number): number } } }> }
  }
).WebAssembly

/** The work of each cell. */
const CELLS = {
  async fs() {
    check((await readFile('/proc/self/stat', 'utf8')).startsWith(`${process.pid} `), 'the stat of another process')
  },
  async net() {
    const server = net.createServer((socket) => socket.end('hi')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const socket = net.connect((server.address() as AddressInfo).port, '127.0.0.1')
    let text = ''
    for await (const chunk of socket) text += chunk
    server.close()
    check(text === 'hi', text)
  },
  async fetch() {
    const server = createHttpServer((_, response) => response.setHeader('connection', 'close').end('hello')).listen(
      0,
      '127.0.0.1',
    )
    await new Promise((resolve) => server.once('listening', resolve))
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    check((await response.text()) === 'hello', 'the body')
    server.close()
  },
  async child_process() {
    const { stdout } = await promisify(execFile)('/bin/echo', ['hello'])
    check(stdout === 'hello\n', stdout)
  },
  async worker_threads() {
    const worker = new Worker('let a = []; for (let i = 0; i < 5e4; i++) a.push({ i }); process.exit(3)', {
      eval: true,
    })
    check((await new Promise((resolve) => worker.once('exit', resolve))) === 3, 'exit code of the worker')
  },
  async wasm() {
    const { instance } = await wasm.instantiate(WASM)
    const f = instance.exports.f
    for (let i = 0; i < 200; i++) check(f(1000) === 500_500, 'the sum')
  },
  gc() {
    churn(700_000)
    gc()
    churn(300_000)
  },
  jit() {
    for (let round = 0; round < 6; round++) compileAndRun(round, 300)
  },
  async zlib_crypto() {
    const bytes = Buffer.alloc(50_000, 'forkserver')
    const back = await promisify(gunzip)(await promisify(gzip)(bytes))
    check(
      createHash('sha256').update(back).digest('hex') === createHash('sha256').update(bytes).digest('hex'),
      'the bytes',
    )
  },
} satisfies Record<string, () => void | Promise<void>>

export type Cell = keyof typeof CELLS
export const CELL_NAMES = Object.keys(CELLS) as Cell[]

/** The work of one child. */
export async function work(cell: Cell, way: Way): Promise<string> {
  await CELLS[cell]()
  if (way === 'exitCode') process.exitCode = 7
  if (way === 'exit') process.exit(9)
  if (way === 'throw') throw new RangeError('as asked')
  if (way === 'uncaught') {
    setImmediate(() => {
      throw new Error('uncaught, as asked')
    })
    await new Promise(() => {})
  }
  if (way === 'signal') process.kill(process.pid, 'SIGKILL')
  return cell
}

/**
 * Makes the template busy: directly before each fork it allocates memory, collects garbage and compiles new functions,
 * so that V8's threads have work at that moment. Int32Array.of is the last function that the template calls before it
 * forks.
 */
export function makeBusy(): void {
  const of = Int32Array.of
  let forks = 0
  Int32Array.of = function (this: Int32ArrayConstructor, ...items: number[]) {
    churn(20_000)
    compileAndRun(forks++, 300)
    return Reflect.apply(of, this, items)
  } as typeof of
}

const held: object[][] = []

/** As makeBusy(), and holds so much memory that the template puts it into a file (src/template/flat-memory.ts). */
export function makeLargeAndBusy(): void {
  for (let list = 0; list < 60; list++)
    held.push(Array.from({ length: 10_000 }, (_, at) => ({ at, text: `text ${at}`, list: [at] })))
  makeBusy()
}

/** Does nothing: the warm-up of an idle template. */
export function stayIdle(): void {}
