// Runs in: no process; the compiler reads it. The types of Process and ForkServer: what compiles, and what must not.
import type { SendHandle, Serializable } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { expectTypeOf } from 'expect-type'
import {
  type AuthKey,
  type Exit,
  ForkServer,
  type ListenAddress,
  Process,
  type ProcessOptions,
  type Reference,
  type ResourceUsage,
  remote,
  type StartMethod,
  type StartOptions,
  type TemplateReport,
} from 'forkserver'

interface Jobs {
  render(page: string, options?: { readonly dark: boolean }): Promise<Uint8Array>
  sum(...numbers: number[]): number
  nothing(): void
  stop(): never
  readonly version: string
}

const jobs = remote<Jobs>('jobs')
const server = await ForkServer.start()

// Arguments and result come from the function.
const p = new Process(jobs.render, ['page'], { server })
expectTypeOf(p.result).toEqualTypeOf<Promise<Uint8Array>>()
expectTypeOf(p.start).toEqualTypeOf<() => Promise<typeof p>>()
expectTypeOf((await p.start()).result).toEqualTypeOf<Promise<Uint8Array>>()
expectTypeOf(new Process(jobs.sum, [1, 2, 3]).result).toEqualTypeOf<Promise<number>>()
expectTypeOf(new Process(jobs.nothing, []).result).toEqualTypeOf<Promise<void>>()
expectTypeOf(new Process(jobs.stop, []).result).toEqualTypeOf<Promise<never>>()
new Process(jobs.render, ['page', { dark: true }])

// @ts-expect-error a wrong argument
new Process(jobs.render, [1])
// @ts-expect-error a missing one
new Process(jobs.render, [])
// @ts-expect-error one too many
new Process(jobs.nothing, [1])
// @ts-expect-error the arguments are an array
new Process(jobs.nothing)
// @ts-expect-error not a reference
new Process((page: string) => page, ['page'])
// @ts-expect-error not a function
new Process(jobs.version, [])

// What a process says.
expectTypeOf(p.pid).toEqualTypeOf<number | undefined>()
expectTypeOf(p.alive).toEqualTypeOf<boolean>()
expectTypeOf(p.exitCode).toEqualTypeOf<number | null>()
expectTypeOf(p.signal).toEqualTypeOf<NodeJS.Signals | null>()
expectTypeOf(p.stdin).toEqualTypeOf<Writable | null>()
expectTypeOf(p.stdout).toEqualTypeOf<Readable | null>()
expectTypeOf(p.stderr).toEqualTypeOf<Readable | null>()
expectTypeOf(p.join()).toEqualTypeOf<Promise<Exit>>()
expectTypeOf((await p.join({ timeout: 1 })).usage).toEqualTypeOf<ResourceUsage | undefined>()
expectTypeOf(p.kill('SIGINT')).toEqualTypeOf<boolean>()
expectTypeOf(p.terminate()).toEqualTypeOf<boolean>()
expectTypeOf(p).toExtend<AsyncDisposable>()
// @ts-expect-error no such signal
p.kill('SIGNOPE')
// @ts-expect-error an unknown option
p.join({ timeuot: 1 })
// @ts-expect-error read only
p.exitCode = 1

// Processes of different functions in one list.
const several: Process[] = [p, new Process(jobs.sum, [])]
expectTypeOf(several[0]!.pid).toEqualTypeOf<number | undefined>()
expectTypeOf<Process>().toEqualTypeOf<Process<Reference>>()

// Its pipes: a stream if stdio asks for a pipe, null if not, and either if the compiler cannot know.
const piped = new Process(jobs.nothing, [], { stdio: 'pipe' })
expectTypeOf(piped.stdin).toEqualTypeOf<Writable>()
expectTypeOf(piped.stdout).toEqualTypeOf<Readable>()
expectTypeOf((await piped.start()).stderr).toEqualTypeOf<Readable>()
expectTypeOf(new Process(jobs.nothing, [], { stdio: 'ignore' }).stdout).toEqualTypeOf<null>()
const listed = new Process(jobs.nothing, [], { stdio: ['ignore', 'pipe', 2, 'pipe'] })
expectTypeOf(listed.stdin).toEqualTypeOf<null>()
expectTypeOf(listed.stdout).toEqualTypeOf<Readable>()
expectTypeOf(listed.stderr).toEqualTypeOf<null>()
const short = new Process(jobs.nothing, [], { stdio: ['pipe'] })
expectTypeOf(short.stdin).toEqualTypeOf<Writable>()
expectTypeOf(short.stdout).toEqualTypeOf<null>()
declare const word: 'pipe' | 'inherit'
expectTypeOf(new Process(jobs.nothing, [], { stdio: word }).stdout).toEqualTypeOf<Readable | null>()
expectTypeOf(new Process(jobs.nothing, [], { stdio: [0, word] }).stdout).toEqualTypeOf<Readable | null>()
declare const words: ('pipe' | 'inherit')[]
expectTypeOf(new Process(jobs.nothing, [], { stdio: words }).stdout).toEqualTypeOf<Readable | null>()
const pipes: 'pipe'[] = []
expectTypeOf(new Process(jobs.nothing, [], { stdio: pipes }).stdout).toEqualTypeOf<Readable | null>()
const ofAnyPipes: Process[] = [piped, listed]
expectTypeOf(ofAnyPipes[0]!.stdout).toEqualTypeOf<Readable | null>()

// Without the module's type: any arguments, and a result that must be looked at.
const untyped = remote('jobs')
expectTypeOf(new Process(untyped.render!, ['page', 1]).result).toEqualTypeOf<Promise<unknown>>()

// Options.
const options: ProcessOptions = {
  server,
  cwd: '/',
  env: { A: '1', B: undefined },
  stdio: ['pipe', 1, process.stderr],
  timeout: 1,
  signal: new AbortController().signal,
  limits: { memory: 1, cpuSeconds: 1, openFiles: 1 },
  detached: true,
}
new Process(jobs.nothing, [], options)
new Process(jobs.nothing, [], { stdio: 'ignore' })
// @ts-expect-error an unknown option
new Process(jobs.nothing, [], { timeuot: 1 })
// @ts-expect-error an unknown limit
new Process(jobs.nothing, [], { limits: { memroy: 1 } })
// @ts-expect-error not a word of stdio
new Process(jobs.nothing, [], { stdio: 'pipes' })
// @ts-expect-error variables are strings
new Process(jobs.nothing, [], { env: { A: 1 } })

// Servers.
const start: StartOptions = { preload: ['typescript', new URL('file:///jobs.js')], warmup: jobs.nothing, strict: false }
expectTypeOf(ForkServer.start(start)).toEqualTypeOf<Promise<ForkServer>>()
expectTypeOf(ForkServer.default()).toEqualTypeOf<Promise<ForkServer>>()
ForkServer.start({ transport: { path: '/run/socket' } })
ForkServer.start({ transport: 'abstract' })
// @ts-expect-error an unknown transport
ForkServer.start({ transport: 'tcp' })
// @ts-expect-error an unknown option
ForkServer.start({ preloads: [] })
// @ts-expect-error a constant is no warm-up
ForkServer.start({ warmup: jobs.version })
ForkServer.start({ preload: [{ module: 'typescript', optional: true }, { module: new URL('file:///jobs.js') }] })
// @ts-expect-error a module is missing
ForkServer.start({ preload: [{ optional: true }] })
ForkServer.start({ warmup: { call: jobs.render, args: ['page', { dark: true }] } })
const warm: StartOptions = { warmup: { call: remote('/jobs.js').load!, args: ['en', 1] } }
expectTypeOf(warm).toExtend<StartOptions>()
// @ts-expect-error a string is no number
ForkServer.start({ warmup: { call: jobs.sum, args: ['1', 2] } })
// @ts-expect-error an argument is missing
ForkServer.start({ warmup: { call: jobs.render, args: [] } })
// @ts-expect-error a function without parameters
ForkServer.start({ warmup: { call: jobs.nothing, args: [1] } })
expectTypeOf(server.address).toEqualTypeOf<ListenAddress | null>()
expectTypeOf(server.key).toEqualTypeOf<AuthKey | undefined>()
expectTypeOf(server.pid).toEqualTypeOf<number | undefined>()
expectTypeOf(server.report).toEqualTypeOf<TemplateReport | undefined>()
expectTypeOf(server.startMethod).toEqualTypeOf<StartMethod>()
expectTypeOf(server.close({ children: 'kill' })).toEqualTypeOf<Promise<void>>()
expectTypeOf(server).toExtend<AsyncDisposable>()
// @ts-expect-error an unknown policy
server.close({ children: 'murder' })
// @ts-expect-error servers are started, not made
new ForkServer()
expectTypeOf(ForkServer.connect({ path: '/run/socket' }, new Uint8Array(32))).toEqualTypeOf<Promise<ForkServer>>()
// @ts-expect-error an address is one thing
ForkServer.connect('/run/socket', new Uint8Array(32))

// The IPC channel is an entry of a list, and no stream.
const talking = new Process(jobs.nothing, [], {
  stdio: ['pipe', 'inherit', 'inherit', 'ipc'],
  serialization: 'advanced',
})
expectTypeOf(talking.stdin).toEqualTypeOf<Writable>()
expectTypeOf(talking.connected).toEqualTypeOf<boolean>()
expectTypeOf(talking.send({ a: 1 })).toEqualTypeOf<boolean>()
talking.send('text', undefined, { keepOpen: true }, (error) => expectTypeOf(error).toEqualTypeOf<Error | null>())
talking.send('text', (error) => expectTypeOf(error).toEqualTypeOf<Error | null>())
talking.on('message', (message, handle) => {
  expectTypeOf(message).toEqualTypeOf<Serializable>()
  expectTypeOf(handle).toEqualTypeOf<SendHandle>()
})
// @ts-expect-error the channel is no word for all descriptors
new Process(jobs.nothing, [], { stdio: 'ipc' })
// @ts-expect-error not a serialization
new Process(jobs.nothing, [], { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], serialization: 'xml' })
