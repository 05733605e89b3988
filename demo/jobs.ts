// Runs in: template, child and the two competitors. The demo's work: transpile one TypeScript file. All ways to start a
// process run exactly this code, so that only the way differs.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

// require() instead of `import`: for an import, Node scans the 9 MB of this CommonJS package for names, which takes
// three times as long as running it. All ways would need that time, plain node most often.
const ts = createRequire(import.meta.url)('typescript') as typeof import('typescript')

export interface Memory {
  /** The pages that only this process has, and its share of shared pages. */
  pssBytes: number
  /** The pages that no other process shares. */
  ownBytes: number
}

export interface Transpiled {
  bytesIn: number
  bytesOut: number
  /** Only if it was asked for, and if this system can tell. */
  memory?: Memory
}

// Mostly declarations, like most of the files that the demo finds, and some of everything else that programs contain.
const REPRESENTATIVE = `
/// <reference types="node" />
import type { Readable } from 'node:stream'
import fs, { promises as files } from 'node:fs'
export * from './other.js'
export { a as b, type C } from './more.js'
declare module 'events' {
  /** What it does. @param name of the event @returns the emitter */
  interface Emitter<T extends Record<string, unknown[]> = any> extends Base<T>, Iterable<T> {
    readonly [key: string]: unknown
    on<K extends keyof T>(name: K | symbol, listener: (...args: T[K]) => void): this
    once?(name: string, options?: { signal?: AbortSignal | undefined }): Promise<any[]>
    new (text: string): Emitter
  }
  namespace inner { const x: unique symbol
    function f(this: Date, ...rest: Array<string | null>): asserts this is Date }
  export = Emitter
}
declare global { var shared: number; interface Array<T> { at(index: number): T | undefined } }
export type Deep<T> = T extends (infer U)[] ? Deep<U> : T extends object
  ? { readonly [K in keyof T as \`get\${string & K}\`]-?: Deep<T[K]> } : T
export declare function over(a: string): void
export declare function over(a: number, b?: typeof fs.readFile): import('node:net').Socket
export declare abstract class Shape { protected constructor(); static make(): Shape; private readonly x
  abstract area(): number; get name(): string; set name(v: string) }
export declare const enum Level { Low = 1, High = Low << 2 }
export enum Colour { Red, Green = 'green' }
export class Circle<T> extends Shape implements Iterable<T> {
  static #count = 0
  readonly items: T[] = []
  constructor(private readonly radius: number, public override label = 'circle') { super(); Circle.#count++ }
  async *walk<U>(map: (item: T) => U): AsyncGenerator<U, void, unknown> {
    for await (const item of this.items) yield map(item) }
  *[Symbol.iterator]() { yield* this.items }
  get diameter(): number { return this.radius * 2 }
}
export const render = async ({ a = 1, ...rest }: { a?: number; b: string },
  [first, , third]: readonly number[]): Promise<string> => {
  label: for (let i = 0; i < 10; i++) { if (i % 2 === 0) continue label; else break }
  for (const key in rest) delete (rest as any)[key]
  try { await files.readFile(\`\${a}.txt\`, 'utf8') }
  catch (error: unknown) { throw new Error('no', { cause: error }) } finally { void 0 }
  switch (typeof first) { case 'number': return String(first!.toFixed(2))
    default: do { third?.toString() ?? null } while (false) }
  const text = <string>(rest.b satisfies string) as const, re = /[a-z]+/giu, big = 10n, neg = -(+1 ** 2)
  let done = a && !text || neg > 0x1f ? [...[1, 2], 3] : { text,
    'x-y': re, [text]: big, get z() { return 1 }, async run() {} }
  done ||= []; if (done instanceof Array) done.push(function named(this: unknown) { return new.target } as never)
  return done?.toString() + import.meta.url
}
function decorate(target: unknown, context?: ClassMethodDecoratorContext): asserts target is Function {}
export class Box { @decorate method<const T>(value: T) { return [value] as const } static { Box.prototype } }
export default { over: (x: Readable) => x }
`
// The first run compiles the code. The next few let V8 see the types. More than twenty runs gained nothing.
const WARM_UP_RUNS = 5

function transpileText(text: string, fileName: string): string {
  // TypeScript has no output for a declaration file and throws. Under the name of a source file it is parsed and
  // printed.
  const asSource = fileName.replace(/\.d(\.[cm]?ts)$/, '$1')
  const { ESNext } = ts.ModuleKind
  const compilerOptions = {
    module: ESNext,
    target: ts.ScriptTarget.ES2022,
    jsx: ts.JsxEmit.ReactJSX,
    removeComments: false,
  }
  return ts.transpileModule(text, { fileName: asSource, compilerOptions }).outputText
}

/** The warm-up of the template: lets V8 compile what a child will run. */
export function warmUp(): void {
  for (let run = 0; run < WARM_UP_RUNS; run++) transpileText(REPRESENTATIVE, 'warm-up.ts')
}

/** The memory of this process. Undefined if the system does not tell. */
function readMemory(): Memory | undefined {
  let text: string
  try {
    text = readFileSync('/proc/self/smaps_rollup', 'utf8')
  } catch {
    return undefined
  }
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  return { pssBytes: bytes('Pss'), ownBytes: bytes('Private_Clean') + bytes('Private_Dirty') }
}

/** Transpiles a file, and throws the JavaScript away. */
export function transpile(file: string, wantsMemory: boolean): Transpiled {
  const text = readFileSync(file, 'utf8')
  const output = transpileText(text, file)
  const done: Transpiled = { bytesIn: Buffer.byteLength(text), bytesOut: Buffer.byteLength(output) }
  const memory = wantsMemory ? readMemory() : undefined
  return memory ? { ...done, memory } : done
}
