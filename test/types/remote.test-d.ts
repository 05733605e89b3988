// Runs in: no process; the compiler reads it. The types that remote() gives: what compiles, and what must not.

import { expectTypeOf } from 'expect-type'
import {
  type AnyFunction,
  type ArgumentsOf,
  isReference,
  type Reference,
  type Remote,
  type ResultOf,
  remote,
  type UnknownFunction,
} from '#src/owner/naming/remote.js'

interface Jobs {
  render(page: string, options?: { readonly dark: boolean }): Promise<string>
  sum(...numbers: number[]): number
  tuple(first: 1, ...rest: readonly [string, boolean]): [1, string]
  nothing(): void
  nested(): Promise<Promise<Uint8Array>>
  first<T>(items: readonly T[]): T
  over(text: string): string
  over(count: number): number
  default(): Promise<null>
  either(flag: boolean): Promise<string> | number
  readonly version: string
  readonly Page: new () => object
  then(resolve: (value: number) => void): void
  module(): void
}

const jobs = remote<Jobs>('typescript')

// The names: functions only, and not the two reserved ones.
expectTypeOf(jobs).toEqualTypeOf<Remote<Jobs>>()
expectTypeOf(jobs.module).toEqualTypeOf<string>()
expectTypeOf(jobs.render).toEqualTypeOf<Reference<Jobs['render']>>()
expectTypeOf(jobs.default).toEqualTypeOf<Reference<() => Promise<null>>>()
// @ts-expect-error a constant is no function
jobs.version
// @ts-expect-error a class cannot be called
jobs.Page
// @ts-expect-error `then` cannot be reached
jobs.then
// @ts-expect-error not exported
jobs.rendr
// @ts-expect-error references are read-only
jobs.render = jobs.default
// @ts-expect-error a reference is not the function
jobs.render('page')

// The module of a real program, by its type.
const node = remote<typeof import('node:path')>('node:path')
expectTypeOf<ArgumentsOf<typeof node.basename>>().toEqualTypeOf<[path: string, suffix?: string | undefined]>()
// @ts-expect-error a constant
node.sep

// Arguments and results.
expectTypeOf<ArgumentsOf<typeof jobs.render>>().toEqualTypeOf<
  [page: string, options?: { readonly dark: boolean } | undefined]
>()
expectTypeOf<ResultOf<typeof jobs.render>>().toEqualTypeOf<string>()
expectTypeOf<ArgumentsOf<typeof jobs.sum>>().toEqualTypeOf<number[]>()
expectTypeOf<ResultOf<typeof jobs.sum>>().toEqualTypeOf<number>()
expectTypeOf<ArgumentsOf<typeof jobs.tuple>>().toEqualTypeOf<[first: 1, string, boolean]>()
expectTypeOf<ArgumentsOf<typeof jobs.nothing>>().toEqualTypeOf<[]>()
expectTypeOf<ResultOf<typeof jobs.nothing>>().toEqualTypeOf<void>()
expectTypeOf<ResultOf<typeof jobs.nested>>().toEqualTypeOf<Uint8Array>()
expectTypeOf<ResultOf<typeof jobs.default>>().toEqualTypeOf<null>()
expectTypeOf<ResultOf<typeof jobs.either>>().toEqualTypeOf<string | number>()
expectTypeOf<ArgumentsOf<typeof jobs.first>>().toEqualTypeOf<[items: readonly unknown[]]>()
// Of overloads the last, as everywhere in TypeScript.
expectTypeOf<ArgumentsOf<typeof jobs.over>>().toEqualTypeOf<[count: number]>()

// How functions that take a reference are written.
declare function run<F extends AnyFunction>(job: Reference<F>, args: Parameters<F>): Promise<Awaited<ReturnType<F>>>
declare function runAny<R extends Reference>(job: R, args: ArgumentsOf<R>): Promise<ResultOf<R>>
expectTypeOf(run(jobs.render, ['page'])).toEqualTypeOf<Promise<string>>()
expectTypeOf(runAny(jobs.render, ['page', { dark: true }])).toEqualTypeOf<Promise<string>>()
// @ts-expect-error a wrong argument
run(jobs.render, [1])
// @ts-expect-error a missing one
runAny(jobs.render, [])
// @ts-expect-error one too many
runAny(jobs.nothing, [1])

// Only remote() makes references.
// @ts-expect-error an object that looks like one
const forged: Reference = { module: 'a', name: 'b' }
// @ts-expect-error the function itself
runAny((page: string) => page, ['page'])
// @ts-expect-error references of different functions are different
const other: Reference<() => number> = jobs.render
const any: Reference = jobs.render
expectTypeOf(any.name).toEqualTypeOf<string>()

const unknownValue: unknown = forged
if (isReference(unknownValue)) expectTypeOf(unknownValue).toEqualTypeOf<Reference>()

// Without a type: every name, with arguments and result unknown.
const untyped = remote('typescript')
expectTypeOf(untyped.module).toEqualTypeOf<string>()
expectTypeOf(untyped.anything!).toEqualTypeOf<Reference<UnknownFunction>>()
expectTypeOf(run(untyped.anything!, ['page', 1])).toEqualTypeOf<Promise<unknown>>()
expectTypeOf(runAny(untyped.anything!, [])).toEqualTypeOf<Promise<unknown>>()
expectTypeOf(untyped.anything!).toExtend<Reference>()

// @ts-expect-error neither a URL nor a string
remote(1)

export { other }
