// Runs in: no process; the compiler reads it. The types of Pool: what compiles, and what must not.
import { expectTypeOf } from 'expect-type'
import {
  emitProgress,
  type ImapOptions,
  Pool,
  type PoolOptions,
  type PoolStats,
  type RunOptions,
  remote,
  type TimeSummary,
  type WorkerIdentity,
  type WorkerInfo,
  workerInfo,
} from 'forkserver'

interface Jobs {
  render(page: string): Promise<Uint8Array>
  add(one: number, other: number): number
  setUp(text: string): void
  readonly version: string
}

const jobs = remote<Jobs>('jobs')
const pool = new Pool({ processes: 2, initializer: jobs.setUp, initArgs: ['x'], stdio: 'capture', isolate: 'task' })

// Arguments and results come from the function.
expectTypeOf(pool.run(jobs.add, [1, 2])).toEqualTypeOf<Promise<number>>()
expectTypeOf(pool.map(jobs.render, ['a'])).toEqualTypeOf<Promise<Uint8Array[]>>()
expectTypeOf(pool.starmap(jobs.add, [[1, 2]])).toEqualTypeOf<Promise<number[]>>()
expectTypeOf(pool.imap(jobs.render, new Set(['a']))).toEqualTypeOf<AsyncIterableIterator<Uint8Array>>()
expectTypeOf(pool.imapUnordered(jobs.render, ['a'])).toEqualTypeOf<AsyncIterableIterator<Uint8Array>>()
expectTypeOf(pool.imap(jobs.render, ['a'], { onError: 'yield' })).toEqualTypeOf<
  AsyncIterableIterator<PromiseSettledResult<Uint8Array>>
>()
async function* pages(): AsyncGenerator<string> {
  yield 'a'
}
expectTypeOf(pool.map(jobs.render, pages(), { chunkSize: 'auto' })).toEqualTypeOf<Promise<Uint8Array[]>>()

// @ts-expect-error a wrong argument
pool.run(jobs.render, [1])
// @ts-expect-error one argument too few
pool.run(jobs.add, [1])
// @ts-expect-error no list of arguments
pool.run(jobs.render, 'a')
// @ts-expect-error items of another type
pool.map(jobs.render, [1])
// @ts-expect-error not an iterable
pool.imap(jobs.render, 5)
// @ts-expect-error starmap takes lists of arguments
pool.starmap(jobs.add, [1, 2])
// @ts-expect-error what is no function cannot be run
pool.run(jobs.version, [])
// @ts-expect-error a function of this process
pool.run((page: string) => page, ['a'])
// @ts-expect-error no such option
new Pool({ procs: 2 })
// @ts-expect-error no such word
new Pool({ isolate: 'process' })
// @ts-expect-error run() has no chunks
pool.run(jobs.add, [1, 2], { chunkSize: 2 })
// @ts-expect-error map() reads everything
pool.map(jobs.render, [], { bufferSize: 2 })

expectTypeOf<RunOptions['timeout']>().toEqualTypeOf<number | undefined>()
expectTypeOf<ImapOptions['onError']>().toEqualTypeOf<'throw' | 'yield' | undefined>()
expectTypeOf<PoolOptions['stdio']>().toEqualTypeOf<'inherit' | 'ignore' | 'capture' | undefined>()
pool.run(jobs.render, ['a'], {
  onProgress: (value, item) => {
    expectTypeOf(value).toBeUnknown()
    expectTypeOf(item).toBeNumber()
  },
  onOutput: (bytes, stream, item) => {
    expectTypeOf(bytes).toEqualTypeOf<Buffer>()
    expectTypeOf(stream).toEqualTypeOf<'stdout' | 'stderr'>()
    expectTypeOf(item).toBeNumber()
  },
})
pool.on('workerEnd', (worker, exit) => {
  expectTypeOf(worker).toEqualTypeOf<WorkerIdentity>()
  expectTypeOf(exit.signal).toEqualTypeOf<NodeJS.Signals | null>()
})
// @ts-expect-error no such event
pool.on('workerGone', () => {})

expectTypeOf(pool.stats()).toEqualTypeOf<PoolStats>()
expectTypeOf(pool.stats().runTime).toEqualTypeOf<TimeSummary>()
expectTypeOf(workerInfo()).toEqualTypeOf<WorkerInfo | undefined>()
expectTypeOf(emitProgress).toEqualTypeOf<(value: unknown) => boolean>()
expectTypeOf(pool[Symbol.asyncDispose]()).toEqualTypeOf<Promise<void>>()
