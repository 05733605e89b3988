// Runs in: owner, template and child. The only file that knows the addon: it finds the addon,
// types it, and makes typed errors of its errnos.
import { existsSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { getSystemErrorName } from 'node:util'
import { ResourceError } from '../errors.js'
import { isMusl, ownDynamicLinker } from './c-library.js'
import { ownFile } from './own-files.js'

/** The exports of native/glue/addon.c. Every number that is returned may be minus an errno: see `check`. */
export interface Native {
  findPlatform(): string | null
  fork(spec: Int32Array): number
  flattenMemory(step: FlattenStep, out: Float64Array): number
  processId(): number
  isPreloaded(): number
  checkBorn(drawn: number): number
  leave(code: number): never
  leaveLater(code: number): void
  leaveInTeardown(code: number): void
  setLocale(name: Uint8Array, icu: number): number
  setHeapLimit(bytes: number): number
  setLimits(cpuSeconds: number, openFiles: number): number
  holdLifeline(pipe: number): number
  releaseLifeline(): number
  inheritLifeline(inherits: number): number
  socketPair(out: Int32Array): number
  pipe(out: Int32Array): number
  listen(name: Uint8Array, isAbstract: number, backlog: number, mode?: number): number
  connect(name: Uint8Array, isAbstract: number): number
  listenAgain(listener: number, backlog: number): number
  lockFolder(path: Uint8Array): number
  accept(listener: number): number
  peerUid(fd: number): number
  peerPid(fd: number): number
  signalHolder(pid: number, channel: number, signal: number): number
  send(fd: number, bytes: Uint8Array, descriptors: Int32Array): number
  receive(fd: number, bytes: Uint8Array, descriptors: Int32Array): number
  sendParts(
    fd: number,
    header: Uint8Array,
    headerLength: number,
    body: Uint8Array,
    start: number,
    end: number,
    descriptor: number,
  ): number
  receiveInto(fd: number, bytes: Uint8Array, start: number, end: number, descriptors: Int32Array): number
  shutdownWriting(fd: number): number
  setBlocking(fd: number): number
  duplicate(fd: number): number
  setSendBuffer(fd: number, bytes: number): number
  watch(fd: number, callback: (events: number) => void): Watcher | number
  watchFor(watcher: Watcher, events: number): number
  holdLoop(watcher: Watcher, holds: number): number
  unwatch(watcher: Watcher): number
  poll(watched: Int32Array, count: number, timeoutMs: number): number
  beginSpare(descriptors: Int32Array, places: number): number
  watchChildren(): number
  ignoreGroupSignals(): number
  findEnded(): number
  reap(pid: number, out: Float64Array): number
  newSecretPage(): ArrayBuffer | number
  newSharedMemory(bytes: number): number
  mapSharedMemory(fd: number, offset: number, bytes: number): ArrayBuffer | number
  openBlock(fd: number, offset: number, bytes: number): SharedBlock | number
  useBlock(block: SharedBlock, start: number, length: number): ArrayBuffer | number
  freeSharedMemory(fd: number, offset: number, bytes: number): number
  newEvent(): number
  setEvent(fd: number): number
  clearEvent(fd: number): number
  raiseDescriptor(fd: number): number
  unreadBytes(first: number, second: number): number
  flushStream(fd: number, timeoutMs: number): number
  writeOut(fd: number, bytes: Uint8Array, timeoutMs: number): number
  listHandles(): (string | number)[]
  collectGarbage(forgetLimit: number): number
  moveTextToHugePages(): number
  takeFreeChunks(): number
  turnLoop(): number
  findClocks(originMicros: number, earliestNs: number, latestNs: number): number
  close(fd: number): number
  closeAtEnd(fd: number): number
  keepOpen(fd: number): number
  reapAtEnd(pid: number): number
  hasExited(pid: number): number
}

/** What flattenMemory() does, as native/fork/flat.h has it. */
export const FLATTEN = { all: 0, update: 1, renew: 2 } as const
export type FlattenStep = (typeof FLATTEN)[keyof typeof FLATTEN]

/** A block, made by `openBlock`. */
export interface SharedBlock {
  readonly block: unique symbol
}

/** A watcher, made by `watch`: it reports when a descriptor can be read or written. */
export interface Watcher {
  readonly watcher: unique symbol
}

/** The events of a watcher, as bits: libuv's uv_poll_event. */
export const WATCH_READABLE = 1
export const WATCH_WRITABLE = 2

/** Room that `receive` wants for descriptors: the count, then at most 16 of them. */
export const RECEIVED_DESCRIPTORS = 17

/** Bits of poll(2), from Linux's asm-generic/poll.h. */
export const POLLIN = 1
export const POLLOUT = 4

/** The two native libraries, which belong together. */
export interface Libraries {
  readonly addon: string
  /** What a template has in LD_PRELOAD (native/preload/preload.h says why it is not the addon). */
  readonly preload: string
}

/** Which processor and system they are for. */
const TARGET = `${process.platform}-${process.arch}`
const NATIVE = ownFile('../native')
/** Where they can be: a clone compiles its own, the package has prebuilt ones. */
const FOLDERS = ['build', 'prebuilds']

/** The libraries for this machine, or undefined. The processor is not looked at: a trial fork decides on each. */
export function findLibraries(): Libraries | undefined {
  return FOLDERS.map((folder) => ({
    addon: path.join(NATIVE, folder, `${TARGET}.node`),
    preload: path.join(NATIVE, folder, `${TARGET}-preload.so`),
  })).find(({ addon, preload }) => existsSync(addon) && existsSync(preload))
}

let loaded: { native: Native } | { missing: string } | undefined

function load(): { native: Native } | { missing: string } {
  if (process.platform !== 'linux')
    return { missing: `Node can be forked on Linux only, and this is ${process.platform}` }
  if (isMusl(ownDynamicLinker()))
    return { missing: 'this Node was built for musl (as in Alpine Linux), and forking was tested with glibc only' }
  const libraries = findLibraries()
  if (!libraries)
    return {
      missing:
        `there is no addon for ${TARGET} in ${NATIVE} ` +
        '(a clone of the repository makes it by npm run build; that needs a C compiler)',
    }
  try {
    const module = { exports: {} }
    process.dlopen(module, libraries.addon) // not by require(), because a program sees its cache
    return { native: module.exports as Native }
  } catch (error) {
    const text = (error as Error).message
    return { missing: `the addon does not load: ${text} (a file system that is mounted noexec can be the cause)` }
  }
}

/** The addon, or why there is none. */
export function findNative(): { native: Native } | { missing: string } {
  loaded ??= load()
  return loaded
}

/** The addon. The caller knows that there is one: a server with the start method `forkserver` has it. */
export function native(): Native {
  const found = findNative()
  if ('missing' in found) throw new ResourceError('ERR_RESOURCE', `forkserver has no addon here: ${found.missing}.`)
  return found.native
}

/** The name of an errno, such as 'EMFILE'. */
export function errnoName(errno: number): string {
  return getSystemErrorName(-errno)
}

const ADVICE: Record<string, string> = {
  EMFILE: 'This process has too many open files: close some, or raise its limit (ulimit -n).',
  ENFILE: 'The machine has too many open files.',
  EAGAIN:
    'No more processes or threads are allowed here: let some end first, ' +
    'or raise the limit (ulimit -u, pids.max, kernel.pid_max).',
  EBUSY: 'A thread of the template did not come to rest: something that was preloaded keeps working in the background.',
  ENODATA: 'The template cannot see all of its threads in /proc, and does not fork while one of them may be working.',
  E2BIG: 'The environment or the arguments are longer than the kernel takes: pass less (option env).',
  'fork E2BIG':
    'The template has more threads than a fork can look after: preload less that starts threads, ' +
    'or set UV_THREADPOOL_SIZE lower.',
  EILSEQ:
    'Math.random() in the child did not give random numbers of its own, so the child was ended. ' +
    'Does a module replace it? Use the start method spawn.',
  ENOMEM: 'There is not enough memory for one more process: start fewer at once, or preload less.',
}

/** A ResourceError for a system call that failed. `errno` is positive. */
export function resourceError(syscall: string, errno: number): ResourceError {
  const name = errnoName(errno)
  return new ResourceError(
    'ERR_RESOURCE',
    `${syscall}() failed with ${name}. ${ADVICE[`${syscall} ${name}`] ?? ADVICE[name] ?? ''}`.trim(),
    {
      errno: name,
      syscall,
    },
  )
}

/**
 * The typed error of a system call that Node made in node:fs or in child_process.spawn(), which
 * throws some errors and emits others.
 */
export function systemError(error: NodeJS.ErrnoException): Error {
  const syscall = error.syscall?.split(' ')[0] ?? 'spawn' // spawn() adds the name of the program
  return typeof error.errno === 'number' ? resourceError(syscall, -error.errno) : error
}

/**
 * Returns a result of the addon, or throws if it is minus an errno.
 * @throws ResourceError ERR_RESOURCE
 */
export function check(syscall: string, result: number): number {
  if (result < 0) throw resourceError(syscall, -result)
  return result
}

/** Whether the result of the addon is minus this errno. */
export function isErrno(result: number, name: keyof typeof os.constants.errno): boolean {
  return result === -os.constants.errno[name]
}
