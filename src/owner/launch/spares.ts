// Runs in: owner. Spares: children that a template has forked before anybody asked for a process. Each waits for its
// job, so a start need not wait for a fork and a birth.
//
// A spare knows nothing of its job: all that a job brings (stdio, environment, working directory, limits, user) comes
// with it. Only the flags of a child (child-flags.ts) must be known when it is forked: spares have those of the last
// two starts that were alike. Only the template that serves now has spares. If it is replaced or lost, they are let
// go.

import type { Native } from '../../platform/native.js'
import {
  clearInterval,
  clearTimeout,
  performance,
  setImmediate,
  setInterval,
  setTimeout,
} from '../../platform/timers.js'
import { expectExit } from './attached-children.js'
import { socketPair } from './child-stdio.js'
import type { ControlConnection } from './control-connection.js'
import type { SpareCounts } from './launcher.js'
import type { ForkedChild } from './pending-forks.js'
import { IDLE_MS, type SpareDemand } from './spare-demand.js'
import type { TemplateState } from './templates.js'

/**
 * So long a process that was started has the processors, before the next spare is forked and takes its time, in
 * milliseconds. If a process ends earlier, the spare is forked then.
 */
const FILL_DELAY_MS = 8

/** A child that waits for its job. Whoever takes it closes the descriptor. */
export interface Spare {
  readonly child: ForkedChild
  readonly connection: ControlConnection
  /** The flags that it was forked with. */
  readonly flags: number
  /** The owner's end of its job channel. */
  readonly channelFd: number
}

/** The spares of one server. */
export class Spares {
  readonly #native: Native
  readonly #demand: SpareDemand
  readonly #isBusy: () => boolean
  #state: TemplateState | undefined
  #parked: Spare[] = []
  /** The flags of the last start, and those of the spares that are forked. */
  #lastFlags = 0
  #flags = 0
  /** Spares that were let go and have not ended, and the one that is being forked. */
  readonly #ending = new Set<Promise<unknown>>()
  #used = 0
  #unused = 0
  #isForking = false
  #isClosed = false
  #filling: NodeJS.Timeout | undefined
  #shrinking: NodeJS.Timeout | undefined

  /** @param isBusy whether somebody waits for a process: no spare is forked then */
  constructor(native: Native, demand: SpareDemand, isBusy: () => boolean) {
    this.#native = native
    this.#demand = demand
    this.#isBusy = isBusy
  }

  get counts(): SpareCounts {
    return { parked: this.#parked.length, used: this.#used, unused: this.#unused }
  }

  /** A process with these flags is started. */
  started(flags: number): void {
    if (flags === this.#lastFlags) this.#flags = flags
    else this.#demand.forget()
    this.#lastFlags = flags
    this.#demand.started(performance.now())
  }

  /** From now on this template has the spares. */
  serve(state: TemplateState): void {
    if (state === this.#state) return
    this.letGo()
    this.#state = state
  }

  /** Takes the spare with these flags that waits longest: its birth is over. */
  take(flags: number): Spare | undefined {
    if (this.#state?.connection.isLost) return undefined
    const at = this.#parked.findIndex((one) => one.flags === flags)
    const [spare] = at < 0 ? [] : this.#parked.splice(at, 1)
    if (!spare) return undefined
    this.#used++
    this.#native.keepOpen(spare.channelFd)
    spare.child.holdLoop(true)
    return spare
  }

  /** The spare that was taken did not get its job: it has ended, or still waits. */
  giveBack(spare: Spare, hasEnded: boolean): void {
    this.#used--
    this.#native.closeAtEnd(spare.channelFd)
    if (hasEnded) this.#end(spare)
    else this.#park(spare)
  }

  /** Forks what is missing, a while after a start. */
  fillSoon(): void {
    this.#filling ??= setTimeout(() => {
      this.#filling = undefined
      void this.fill()
    }, FILL_DELAY_MS).unref()
  }

  /** A process has ended. Forks what is missing, after those who wait for that end: they may start the next process. */
  fillNext(): void {
    setImmediate(() => void this.fill())
  }

  /** Forks what is missing, one by one, as long as nobody waits for a process. */
  async fill(): Promise<void> {
    const state = this.#state
    if (this.#isForking || this.#isClosed || !state) return
    this.#isForking = true
    this.#letGoOfOthers()
    try {
      while (this.#needsMore(state)) {
        const forking = this.#fork(state)
        this.#ending.add(forking)
        await forking.finally(() => this.#ending.delete(forking))
      }
    } catch {
      // The next start says what is wrong, and tries again.
    } finally {
      this.#isForking = false
    }
    this.#shrinkLater()
  }

  #needsMore(state: TemplateState): boolean {
    if (this.#isClosed || this.#state !== state || state.connection.isLost || this.#isBusy()) return false
    return this.#parked.length < this.#demand.wanted(performance.now())
  }

  /** Those that have other flags than are asked for now only take the place of useful ones. */
  #letGoOfOthers(): void {
    for (const spare of this.#parked) if (spare.flags !== this.#flags) this.#end(spare)
    this.#parked = this.#parked.filter(({ flags }) => flags === this.#flags)
  }

  /** The child's end is closed in any case: a template that is lost refuses the request at once. */
  #ask(state: TemplateState, childsEnd: number, flags: number): Promise<ForkedChild> {
    try {
      return state.connection.forkSpare(childsEnd, flags)
    } finally {
      this.#native.close(childsEnd)
    }
  }

  async #fork(state: TemplateState): Promise<void> {
    const flags = this.#flags
    const [channelFd, childsEnd] = socketPair(this.#native)
    this.#native.closeAtEnd(channelFd) // a worker thread that is terminated runs no code that could close it
    let child: ForkedChild
    try {
      child = await this.#ask(state, childsEnd, flags)
    } catch (error) {
      this.#native.close(channelFd)
      throw error
    }
    const spare = { child, connection: state.connection, flags, channelFd }
    if (this.#isClosed || this.#state !== state) return this.#end(spare)
    this.#park(spare)
    const ended = (): void => {
      const at = this.#parked.indexOf(spare)
      if (at < 0) return // it was taken or let go
      this.#parked.splice(at, 1)
      this.#end(spare)
    }
    child.exited.then(ended, ended)
  }

  #park(spare: Spare): void {
    spare.child.holdLoop(false)
    this.#parked.push(spare)
  }

  /** The job channel ends, so the spare leaves. One that was stopped is killed. The template has to report its end. */
  #end({ child, connection, channelFd }: Spare): void {
    this.#unused++
    child.signal('SIGKILL')
    this.#native.close(channelFd)
    expectExit(connection, child)
    const ended = child.exited.catch(() => {})
    this.#ending.add(ended)
    void ended.then(() => this.#ending.delete(ended))
  }

  /** Ends all of them: their template does not serve any more. */
  letGo(): void {
    this.#state = undefined
    for (const spare of this.#parked.splice(0)) this.#end(spare)
  }

  #shrinkLater(): void {
    if (this.#shrinking || !this.#demand.followsLoad || this.#parked.length === 0) return
    this.#shrinking = setTimeout(() => {
      this.#shrinking = undefined
      const wanted = this.#demand.wanted(performance.now())
      for (const spare of this.#parked.splice(wanted)) this.#end(spare)
      this.#shrinkLater()
    }, IDLE_MS).unref()
  }

  /** Ends all of them, and resolves when they have ended. No more are forked. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#filling)
    clearTimeout(this.#shrinking)
    this.letGo()
    const hold = setInterval(() => {}, IDLE_MS) // spares do not keep the event loop running
    await Promise.allSettled(this.#ending)
    await Promise.allSettled(this.#ending) // the one that was being forked
    clearInterval(hold)
  }
}
