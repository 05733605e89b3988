// Runs in: child, and a plain Node for comparison. Work that keeps V8 busy, each piece for about a tenth of a second:
// garbage collection, compiling, JSON, WebAssembly and random numbers. Each function returns how long it took, in
// milliseconds, by the clock of its own process.
import { randomInt, randomUUID } from 'node:crypto'

function timed(work: () => unknown): number {
  const before = process.hrtime.bigint()
  const result = work()
  const tookMs = Number(process.hrtime.bigint() - before) / 1e6
  if (result === undefined) throw new Error('The work was optimised away.')
  return tookMs
}

/** Makes a million objects that survive, among others that do not. */
export function collectGarbage(): number {
  return timed(() => {
    let kept: object | undefined
    for (let i = 0; i < 1_000_000; i++) {
      const node = { i, text: `${i}`, next: i % 2 === 0 ? kept : undefined }
      if (i % 2 === 0) kept = node
    }
    return kept
  })
}

/** Loops that one tier of the compiler after another takes over. */
export function compile(): number {
  return timed(() => {
    const sieve = new Uint8Array(2_000_000)
    let primes = 0
    for (let i = 2; i < sieve.length; i++) {
      if (sieve[i]) continue
      primes++
      for (let j = i * 2; j < sieve.length; j += i) sieve[j] = 1
    }
    let hash = 0
    const mix = (a: number, b: number): number => (Math.imul(a, 31) + b) | 0
    for (let i = 0; i < 20_000_000; i++) hash = mix(hash, i % 7)
    return primes + hash
  })
}

/** Writes and parses a document of some megabytes. */
export function parseJson(): number {
  return timed(() => {
    const rows = Array.from({ length: 30_000 }, (_, id) => ({
      id,
      name: `row ${id}`,
      tags: ['a', 'b', `${id % 10}`],
      at: id / 3,
    }))
    let length = 0
    for (let i = 0; i < 3; i++) length += JSON.stringify(JSON.parse(JSON.stringify(rows))).length
    return length
  })
}

// (func (export "f") (param i32) (result i32)): adds up i * i for i = 0 to the parameter, in a loop.
const MODULE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 33, 1, 31, 1, 2, 127,
  3, 64, 32, 1, 32, 2, 32, 2, 108, 106, 33, 1, 32, 2, 65, 1, 106, 34, 2, 32, 0, 72, 13, 0, 11, 32, 1, 11,
) // biome-ignore format: bytes

/** Draws random numbers of each kind that forkserver makes different between children. */
export function drawRandom(): number {
  return timed(() => {
    let sum = 0
    for (let i = 0; i < 5_000_000; i++) sum += Math.random()
    for (let i = 0; i < 200_000; i++) sum += randomUUID().length + randomInt(1_000)
    return sum
  })
}

// The types of Node do not declare it without those of the DOM.
interface Wasm {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: { f(n: number): number } }
}
const WASM = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly

/** Compiles a small module and runs it until V8 has its optimised code. */
export function runWasm(): number {
  return timed(() => {
    const { Module, Instance } = WASM
    const { f } = new Instance(new Module(MODULE)).exports
    let sum = 0
    for (let i = 0; i < 20; i++) sum += f(2_000_000)
    return sum
  })
}
