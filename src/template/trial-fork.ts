// Runs in: template, and in its trial children. Finds out whether this Node can be forked: it asks what the addon found
// in it, and makes a trial fork. The trial child collects garbage, tells what a function returns, and exits, before any
// owner relies on the template.
import { readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { getHeapSpaceStatistics } from 'node:v8'
import { check, errnoName, type Native, POLLIN, RECEIVED_DESCRIPTORS } from '../platform/native.js'
import { processorMs, workDone } from '../platform/process-state.js'
import { FrameDecoder } from '../wire/frames.js'
import { decodeChildMessage } from '../wire/job.js'
import { MAX_STDIO, TEMPLATE_DESCRIPTORS } from '../wire/startup.js'
import { TrialProgress } from './trial-progress.js'

/** How many objects are made between two checks whether V8 has collected them, and the most checks: together 100 MB. */
const OBJECTS_A_ROUND = 1_000
const MAX_ROUNDS = 1_000
/** How long to wait for the end of a trial child before checking whether it still works, in milliseconds. */
const CHECK_MS = 100
/** How long to wait for the end of a trial child that was killed, in milliseconds. */
const KILL_MS = 5_000
/** What a trial child tells is read in parts of this size, in bytes. */
const TELL_BYTES = 64 * 1024
/** How often to check for the end of a process that has closed its channel, in milliseconds. */
const STEP_MS = 1

/** What the addon may not find, and what that means for a child. Any other name is that of a symbol. */
const MISSING: Record<string, string> = {
  platform:
    'V8 in this Node keeps its worker threads where forkserver cannot find them, so a child could not get new ones',
  random:
    'V8 in this Node keeps the state of Math.random() where forkserver cannot find it, ' +
    "so children would repeat each other's random numbers",
  memory:
    'the system call process_vm_readv() is not allowed here, ' +
    'and forkserver finds with it what a child must make anew (a seccomp profile of the container may forbid it)',
}

/** Why this Node cannot be forked, as a clause, before any module of the user is loaded. */
export function whyNodeCannotFork(native: Native): string | undefined {
  const preloaded = native.isPreloaded()
  if (preloaded === 0)
    return (
      'LD_PRELOAD has no effect on this Node, and a fork needs it ' +
      '(a policy of the machine, or file capabilities of the Node binary, can be the cause)'
    )
  if (preloaded < 0) return `the template could not watch for the end of its owner: ${errnoName(-preloaded)}`
  Math.random() // its first call makes the state that the addon looks for
  const missing = native.findPlatform()
  if (missing === null) return undefined
  return MISSING[missing] ?? `this Node does not export ${missing}, which a fork needs`
}

/** What a trial child told, or why the trial failed, as a clause. */
export type Trial<Told> = { told: Told } | { failed: string }

/**
 * Forks once.
 *
 * @param nodeStartMs the processor time that Node needed to start, in milliseconds
 * @param tell runs in the child; gives JSON of at most 64 KiB
 */
export function tryFork<Told>(native: Native, workers: number, nodeStartMs: number, tell: () => Told): Trial<Told> {
  const pair = new Int32Array(2)
  check('socketpair', native.socketPair(pair))
  const [own, childs] = [pair[0]!, pair[1]!]
  const { lifeline, control, status } = TEMPLATE_DESCRIPTORS
  const stdio = [0, 1, 2]
  const close = [own, control, status]
  const pid = native.fork(Int32Array.of(lifeline, 0, workers, MAX_STDIO, stdio.length, childs, ...stdio, ...close))
  if (pid === 0) beTrialChild(native, childs, tell)
  native.close(childs)
  try {
    const failed = pid < 0 ? whyNotForked(-pid) : watchTrialChild(native, pid, own, nodeStartMs)
    return failed ? { failed } : { told: JSON.parse(readToEnd(own).toString()) as Told }
  } finally {
    native.close(own)
  }
}

/** All that an ended process has written. */
function readToEnd(fd: number): Buffer {
  const parts: Buffer[] = []
  for (;;) {
    const part = Buffer.alloc(TELL_BYTES)
    const got = readSync(fd, part)
    if (got === 0) return Buffer.concat(parts)
    parts.push(part.subarray(0, got))
  }
}

function whyNotForked(errno: number): string {
  const name = errnoName(errno)
  if (name === 'EBUSY') return 'a thread of the template did not come to rest'
  if (name === 'ENODATA')
    return 'the list of threads in /proc/self/task is not complete (is it the /proc of this process?)'
  return `fork() failed with ${name}`
}

function whyUnborn(errno: number): string {
  const name = errnoName(errno)
  return name === 'EILSEQ'
    ? 'Math.random() did not give a trial child random numbers of its own (a preloaded module may replace it)'
    : `a trial child could not be made: ${name}`
}

/**
 * What a child does first. If the fork lost a thread or a lock, this shows it: V8 hands work to its threads when it
 * collects.
 */
function beTrialChild(native: Native, channel: number, tell: () => unknown): never {
  native.checkBorn(Math.random())
  collectYoungObjects()
  writeSync(channel, JSON.stringify(tell())) // as a whole: a socket takes more than 64 KiB
  return native.leave(0)
}

const YOUNG = ['new_space', 'new_large_object_space']
const youngBytes = (): number =>
  getHeapSpaceStatistics().reduce(
    (sum, space) => (YOUNG.includes(space.space_name) ? sum + space.space_used_size : sum),
    0,
  )

/** Makes garbage until V8 collects it, 1 ms later. A collection of everything would take 30 ms. */
function collectYoungObjects(): void {
  for (let round = 0, before = 0, now = youngBytes(); now >= before && round < MAX_ROUNDS; round++) {
    makeGarbage(round)
    before = now
    now = youngBytes()
  }
}

const makeGarbage = (round: number): unknown =>
  Array.from({ length: OBJECTS_A_ROUND }, (_, at) => ({ at, round, garbage: [at] })).at(-1)

interface TrialExit {
  exitCode: number
  signal: number
}

function watchTrialChild(native: Native, pid: number, channel: number, nodeStartMs: number): string | undefined {
  const exit = waitForTrial(native, pid, channel, new TrialProgress(CHECK_MS, nodeStartMs))
  if (typeof exit === 'string') return exit
  if (exit.exitCode === 0 && exit.signal === 0) return undefined
  const unborn = unbornErrno(native, channel)
  if (unborn) return whyUnborn(unborn)
  return exit.signal
    ? `a trial child was killed by ${signalName(exit.signal)}`
    : `a trial child left with exit code ${exit.exitCode}`
}

/** Returns how the trial child ended, or, after it was killed, why it counts as hanging. */
function waitForTrial(native: Native, pid: number, channel: number, progress: TrialProgress): TrialExit | string {
  const watched = Int32Array.of(channel, POLLIN, 0)
  for (let isLeaving = false; ; ) {
    const start = performance.now()
    isLeaving ||= native.poll(watched, 1, CHECK_MS) > 0
    const exit = isLeaving && reapTrial(native, pid, CHECK_MS)
    if (exit) return exit
    const hangs = progress.whyHangs(performance.now() - start, workDone(pid), processorMs(pid))
    if (!hangs) continue
    process.kill(pid, 'SIGKILL')
    reapTrial(native, pid, KILL_MS)
    return hangs
  }
}

/** Waits up to `ms` milliseconds for the exit of the trial child. */
function reapTrial(native: Native, pid: number, ms: number): TrialExit | undefined {
  const usage = new Float64Array(7)
  const pause = new Int32Array(new SharedArrayBuffer(4))
  const end = performance.now() + ms
  do {
    if (native.reap(pid, usage) === pid) return { exitCode: usage[0]!, signal: usage[1]! }
    Atomics.wait(pause, 0, 0, STEP_MS)
  } while (performance.now() < end)
  return undefined
}

/** The errno with which the child could not be born, if it reported one, or 0. */
function unbornErrno(native: Native, channel: number): number {
  const bytes = Buffer.alloc(64)
  const got = native.receive(channel, bytes, new Int32Array(RECEIVED_DESCRIPTORS))
  const payload = got > 0 ? new FrameDecoder({ maxLength: bytes.length }).push(bytes.subarray(0, got))[0] : undefined
  const message = payload && decodeChildMessage(payload)
  return message?.kind === 'unborn' ? message.errno : 0
}

function signalName(signal: number): string {
  const found = Object.entries(constants.signals).find(([, number]) => number === signal)
  return found ? found[0] : `signal ${signal}`
}
