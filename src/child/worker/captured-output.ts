// Runs in: child. Captured output, the worker's side. stdout and stderr are sockets that the owner reads
// while the task runs, so a task waits for its reader, as for any full pipe. The owner counts what it reads
// as output of the task that runs. So if a task has written anything, the worker waits until the owner has
// read all of it, before the next task begins.
//
// If a task wrote nothing, the worker does not ask. A task wrote nothing if everything is read now, and the
// owner has read nothing since the task began. Writes cannot be counted in JavaScript, because addons and
// programs that a task starts write there, too.
import { setTimeout as sleep } from 'node:timers/promises'

/** How often to look whether Node's own queue of a stream is empty, in milliseconds. */
const LOOK_MS = 1

type Handle = { fd?: number; writableLength?: number; destroyed?: boolean }

/** What a worker has to know about its output. */
export interface OutputSite {
  /** Counts how often the owner began or ended to read: odd while it reads. Undefined without shared memory. */
  readonly reads?: Int32Array
  /** How many bytes the owner has not read. */
  readonly unreadBytes?: () => number
}

/** The output of the tasks of one worker. */
export class CapturedOutput {
  readonly #site: OutputSite
  #reads = 0
  #answered: (() => void) | undefined

  constructor(site: OutputSite) {
    this.#site = site
  }

  /** A task begins. */
  begin(): void {
    const { reads } = this.#site
    if (reads) this.#reads = Atomics.load(reads, 0)
  }

  /** Whether the task that ends has certainly written nothing. */
  get isSilent(): boolean {
    const { reads, unreadBytes } = this.#site
    if (!reads || !unreadBytes) return false
    const isEmpty = unreadBytes() === 0 // first: what was unread here is counted below
    return isEmpty && this.#reads % 2 === 0 && Atomics.load(reads, 0) === this.#reads
  }

  /** Waits until the owner has read what the task wrote. `ask` sends the question. */
  async whenRead(ask: () => void): Promise<void> {
    await whenWritten()
    const answered = new Promise<void>((resolve) => {
      this.#answered = resolve
    })
    ask()
    await answered
  }

  /** The owner has answered. */
  onRead(): void {
    this.#answered?.()
    this.#answered = undefined
  }
}

/** Waits until Node has written what a task has left to it. */
export async function whenWritten(): Promise<void> {
  while (isQueued()) await sleep(LOOK_MS)
}

// Node queues what a pipe does not take at once. This code finds the streams without the names
// process.stdout and process.stderr: their first use makes the descriptor non-blocking, and then
// fs.writeSync(1) of a later task would fail with EAGAIN.
function isQueued(): boolean {
  const { _getActiveHandles: list } = process as unknown as { _getActiveHandles?: () => Handle[] }
  const handles = list?.call(process) ?? []
  return handles.some(
    ({ fd, writableLength, destroyed }) => (fd === 1 || fd === 2) && !destroyed && (writableLength ?? 0) > 0,
  )
}
