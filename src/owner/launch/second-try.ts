// Runs in: owner. A forked process that crashed before it began its job, and the one that runs the job in its place.
// Whoever started it sees one process, whose pid changes.
import type { Exit } from './exit.js'
import type { JobChannel, JobChannelListener, Launched } from './launcher.js'

/** The signals of a process that has gone wrong. */
const CRASHES: ReadonlySet<string | null> = new Set(['SIGSEGV', 'SIGBUS', 'SIGILL', 'SIGTRAP'])

/**
 * Whether a process that has ended crashed before it began its job, and so before it ran any code of the user's. It is
 * known only when all is read that it sent.
 */
export async function crashedUnbegun(launched: Launched): Promise<boolean> {
  const exit = await launched.exited.catch(() => undefined)
  return exit !== undefined && CRASHES.has(exit.signal) && isUnbegun(launched)
}

async function isUnbegun({ channel }: Launched): Promise<boolean> {
  await channel.ended
  return !channel.hasBegun
}

/** As crashedUnbegun(), or a spare that was killed just before its job came. */
async function diedUnbegun(launched: Launched): Promise<boolean> {
  const exit = await launched.exited.catch(() => undefined)
  const hasDied = launched.isSpare ? exit?.signal : exit && CRASHES.has(exit.signal)
  return Boolean(hasDied) && isUnbegun(launched)
}

/** One process, and then perhaps another one. */
export class SecondTry implements Launched {
  #current: Launched
  #isKilled = false
  #holdsLoop = true
  readonly channel: JobChannel
  readonly exited: Promise<Exit>

  /**
   * @param first must have no stdio of its own: pipes and descriptors were used up by it
   * @param again starts the second process. Called at most once, and not if somebody has killed the first one
   */
  constructor(first: Launched, again: () => Promise<Launched>) {
    this.#current = first
    const second = this.#follow(first, again)
    this.exited = second.then((launched) => (launched ?? first).exited)
    this.exited.catch(() => {}) // whoever wants to know asks for it
    const { channel } = first
    this.channel = {
      ended: this.exited.then(
        () => this.#current.channel.ended,
        () => {},
      ),
      get hasBegun() {
        return channel.hasBegun
      },
      listen: (listener) => this.#listen(first, second, listener),
    }
  }

  async #follow(first: Launched, again: () => Promise<Launched>): Promise<Launched | undefined> {
    if (!(await diedUnbegun(first)) || this.#isKilled) return undefined
    try {
      const second = await again()
      this.#current = second
      second.holdLoop(this.#holdsLoop)
      if (this.#isKilled) second.kill('SIGKILL')
      return second
    } catch {
      return undefined // the server closes, say; the crash of the first one is the answer
    }
  }

  /** The end of the first channel is not told as long as another process may follow. */
  #listen(first: Launched, second: Promise<Launched | undefined>, listener: JobChannelListener): void {
    const onEnd = (): void => {
      if (first.channel.hasBegun) listener.onEnd()
      else second.then((launched) => (launched ? launched.channel.listen(listener) : listener.onEnd()))
    }
    first.channel.listen({
      onMessage: (message) => listener.onMessage(message),
      onBroken: (error) => listener.onBroken(error),
      onEnd,
    })
  }

  get pid(): number {
    return this.#current.pid
  }

  get stdio(): Launched['stdio'] {
    return this.#current.stdio
  }

  get ipc(): Launched['ipc'] {
    return this.#current.ipc
  }

  isStale(): boolean {
    return this.#current.isStale()
  }

  rssBytes(): number | undefined {
    return this.#current.rssBytes()
  }

  kill(signal: NodeJS.Signals): boolean {
    this.#isKilled = true
    return this.#current.kill(signal)
  }

  holdLoop(on: boolean): void {
    this.#holdsLoop = on
    this.#current.holdLoop(on)
  }
}
