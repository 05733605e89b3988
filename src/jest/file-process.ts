// Runs in: owner, inside jest. One test file in a process of its own.
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { ChildError } from '../errors.js'
import { remote } from '../owner/naming/remote.js'
import { Process } from '../owner/process/process.js'
import type { ForkServer } from '../owner/server/fork-server.js'
import { ownFile } from '../platform/own-files.js'
import { within } from '../promises/time-limit.js'
import type { Test, TestResult } from './child/jest-types.js'
import type { FileReport } from './child/test-files.js'
import { decodeEvent, decodeMessage, LAST_LINE } from './child/test-messages.js'

const testFiles = remote<typeof import('./child/test-files.js')>(ownFile('jest/child/test-files.js'))

/** How long to read on when a file's process has ended: a process that it has started may hold its output open. */
const OUTPUT_LIMIT_MS = 500

/** How long a file's process may take to leave: an 'exit' listener may never end, or its output may be large. */
const LEAVE_LIMIT_MS = 2_000

/** How to run a test file. */
export interface FileOptions {
  /** The number of the worker, from 1, that jest's tests see as JEST_WORKER_ID. */
  readonly slot: number
  readonly server: ForkServer
  readonly signal: AbortSignal
  /** How long it may run, in milliseconds. */
  readonly fileTimeout?: number | undefined
  /** Is called when its process has been started. */
  onStart(): unknown
  /** Takes what jest's reporters want to know at once. */
  onEvent(name: string, args: unknown): unknown
}

/** No process could be started for a test file. The cause says why. */
export class NotStarted extends Error {}

/**
 * Runs a test file, and passes its output on.
 * @throws NotStarted; what jest's own workers throw: an object with message and stack
 */
export async function runTestFile(
  test: Test,
  { slot, server, signal, fileTimeout, onStart, onEvent }: FileOptions,
): Promise<{ result: TestResult; report: FileReport }> {
  const file = { path: test.path, project: test.context.config.id }
  const process_ = new Process(testFiles.runFile, [file], {
    server,
    signal,
    ...(fileTimeout === undefined ? {} : { timeout: fileTimeout }),
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, JEST_WORKER_ID: String(slot) },
  })
  try {
    await process_.start()
  } catch (cause) {
    throw new NotStarted(`No process could be started for ${test.path}: ${(cause as Error).message}`, { cause })
  }
  const events = relay(process_.stdio[3]!, onEvent)
  events.catch(() => {}) // it may reject before the result has come, and then nobody waits for it yet
  const outputs = [passOn(process_.stdout!, process.stdout), passOn(process_.stderr!, process.stderr)]
  try {
    await onStart()
    const report = await process_.result
    await events
    return { result: decodeMessage(report.result) as TestResult, report }
  } catch (error) {
    throw error instanceof ChildError ? failure(test, error, fileTimeout) : error
  } finally {
    // It leaves when it has sent its result. If something keeps it from that, jest need not wait.
    await within(LEAVE_LIMIT_MS, process_.join())
    process_.kill()
    await process_.join().catch(() => {})
    await within(OUTPUT_LIMIT_MS, Promise.all(outputs))
    for (const stream of process_.stdio) stream?.destroy()
  }
}

async function passOn(from: Readable, to: NodeJS.WritableStream): Promise<void> {
  from.on('data', (chunk: Buffer) => to.write(chunk))
  await finished(from).catch(() => {})
}

/** Resolves when all events have been taken. */
async function relay(from: Readable, onEvent: FileOptions['onEvent']): Promise<void> {
  let taken: Promise<unknown> = Promise.resolve()
  await new Promise<void>((resolve) => {
    // It is read to its end, whatever comes: else a process that goes on writing would wait for ever.
    const lines = createInterface({ input: from })
    lines.on('line', (line) => {
      if (line === LAST_LINE) return resolve()
      const event = decodeEvent(line)
      if (!event) return
      taken = taken.then(() => onEvent(...event))
      taken.catch(() => {}) // as above
    })
    from.once('error', () => resolve())
    from.once('close', () => resolve())
  })
  await taken
}

/** jest prints an error's stack and its cause. Both would show the code of forkserver. */
function failure(test: Test, { code, pid, signal, exitCode }: ChildError, fileTimeout: number | undefined): ChildError {
  const how = signal ? `was killed by ${signal}` : `ended with exit code ${exitCode}`
  const text =
    code === 'ERR_TIMEOUT'
      ? `${test.path} ran for more than ${fileTimeout} ms (fileTimeout of forkserver/jest), and its process was ` +
        'killed. It may be in an endless loop. If it only needs longer, raise fileTimeout.'
      : `The process of ${test.path} (pid=${pid}) ${how} before its tests were over.`
  const error = new ChildError(code, text, { pid, signal, exitCode })
  error.stack = `${error.name}: ${text}`
  return error
}
