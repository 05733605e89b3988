// Runs in: owner. Pool: the public face of a set of workers. run(), map(), starmap(), imap(), imapUnordered().
import { EventEmitter } from 'node:events'
import { UsageError } from '../../errors.js'
import { abortError } from '../../promises/abort.js'
import { onAbort } from '../../promises/abort-listeners.js'
import { defer } from '../../promises/deferred.js'
import { encodeValue } from '../../wire/values/clone.js'
import { checkNotImporting } from '../launch/self-start.js'
import { type ArgumentsOf, isReference, type Reference, type ResultOf } from '../naming/remote.js'
import type { Call } from './chunk.js'
import type { Input } from './input-reader.js'
import { callMade } from './pool-diagnostics.js'
import { inContext, listenerOf, type PoolEvents } from './pool-events.js'
import {
  checkImap,
  checkMap,
  checkPool,
  checkRun,
  type ImapOptions,
  type MapOptions,
  type PoolOptions,
  type RunOptions,
} from './pool-options.js'
import type { PoolStats } from './pool-stats.js'
import { Results } from './results.js'
import { WorkerSet, type WorkerSetOptions } from './worker-set.js'

export type { Input } from './input-reader.js'

/** The one argument of a function that map() and imap() can call. */
export type ItemOf<R extends Reference> = ArgumentsOf<R>[0]

const isInput = (value: unknown): value is Input<unknown> =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'string') &&
  (Symbol.iterator in Object(value) || Symbol.asyncIterator in Object(value))

/**
 * Workers that live on from task to task: children of a server, replaced when they die.
 *
 * @example
 * await using pool = new Pool({ server, processes: 4, maxTasksPerChild: 100 })
 * for await (const html of pool.imap(jobs.render, pages)) write(html)
 */
export class Pool extends EventEmitter<PoolEvents> implements AsyncDisposable {
  readonly #workers: WorkerSet
  readonly #processes: number
  readonly #name: string | undefined
  readonly #isolation: { isolates: boolean }
  /** What every worker imports, whatever its tasks are. */
  readonly #modules: readonly string[]

  /**
   * @throws UsageError ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_ARGUMENT, ERR_CANNOT_CLONE (of initArgs),
   *   ERR_INVALID_STATE (with minProcesses: the module of the initializer or the teardown makes the pool)
   */
  constructor(options: PoolOptions = {}) {
    super()
    const { processes, isolate, stdio, server, limits, cwd, env, maxQueue, name, ...rest } = checkPool(options)
    const { initializer, initArgs = [], teardown, minProcesses = 0, idleTimeout, startTimeout, teardownTimeout } = rest
    encodeValue(initArgs, 'initArgs') // fails here, and not only when the third worker does not start
    const nameOf = ({ module, name }: Reference): { module: string; name: string } => ({ module, name })
    this.#processes = processes
    this.#name = name
    this.#isolation = { isolates: isolate === 'task' }
    this.#modules = [initializer, teardown].flatMap((reference) => reference?.module ?? [])
    if (minProcesses > 0) checkNotImporting('new Pool()', this.#modules)
    // A worker that needs nothing before its task and nothing during it gets the task with its start.
    const isForOneTask = isolate === 'task' && !initializer && minProcesses === 0 && !rest.gracePeriod
    const setOptions: WorkerSetOptions = {
      processes,
      spares: isolate === 'task' && !isForOneTask ? processes : 0,
      minProcesses: Math.min(minProcesses, processes),
      idleTimeout,
      maxQueue: maxQueue ?? Number.POSITIVE_INFINITY,
      maxTasksPerChild: isolate === 'task' ? 1 : (rest.maxTasksPerChild ?? Number.POSITIVE_INFINITY),
      worker: {
        isForOneTask,
        gracePeriod: rest.gracePeriod ?? 0,
        maxMemory: rest.maxMemoryPerChild ?? Number.POSITIVE_INFINITY,
        process: {
          ...(server && { server }),
          ...(limits && { limits }),
          ...(cwd !== undefined && { cwd }),
          ...(env && { env }),
          streams: stdio,
          startTimeout,
          teardownTimeout,
          setup: {
            ...(name !== undefined && { name }),
            ...(initializer && { initializer: nameOf(initializer) }),
            ...(teardown && { teardown: nameOf(teardown) }),
            initArgs,
          },
        },
      },
    }
    this.#workers = new WorkerSet(setOptions, listenerOf(this))
  }

  /**
   * Runs one task.
   *
   * @param reference the function to run, from remote()
   * @param args its arguments, which are structured-cloned
   * @param options of this task
   * @returns what the function returns
   * @throws what the function throws; UsageError ERR_CANNOT_CLONE, ERR_NOT_EXPORTED, ERR_INVALID_STATE (the pool is
   *   closed; or the module of the task runs the task while it is imported)
   * @throws ChildError ERR_CHILD_DIED, ERR_TIMEOUT, ERR_POOL_BROKEN; ResourceError ERR_QUEUE_FULL, ERR_RESOURCE;
   * AbortError
   */
  async run<R extends Reference>(reference: R, args: ArgumentsOf<R>, options: RunOptions = {}): Promise<ResultOf<R>> {
    const checked = checkRun(options)
    const call = this.#callOf('Pool.run()', reference, checked, true)
    if (!Array.isArray(args))
      throw new UsageError(
        'ERR_INVALID_ARGUMENT',
        'The arguments of Pool.run() must be an array: pool.run(jobs.render, [page]).',
      )
    this.#workers.checkRoom()
    const result = defer<ResultOf<R>>()
    const { signal } = checked
    const abort = (): void => {
      result.reject(abortError(signal!))
      this.#workers.abandon(call, abortError(signal!))
    }
    const forget = signal && onAbort(signal, abort)
    try {
      this.#workers.submit(call, [args], 0, {
        settle: (_, outcome) => {
          if ('error' in outcome) result.reject(outcome.error)
          else result.resolve(outcome.value as ResultOf<R>)
        },
      })
      return await result.promise
    } finally {
      call.isOver = true
      forget?.()
    }
  }

  /**
   * Runs a function for each item, and waits for all.
   *
   * @param reference the function to run, from remote()
   * @param items what it is called with, one item a task: an iterable or an async iterable
   * @param options of this call
   * @returns the results, in the order of the items
   * @throws as run() does, for the first item that fails. Items that have not begun then are not run
   */
  async map<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options: MapOptions = {},
  ): Promise<ResultOf<R>[]> {
    return this.#collect(reference, items, checkMap('Pool.map()', options, this.#isolation), false)
  }

  /**
   * As map(), for a function of several arguments.
   *
   * @param reference the function to run, from remote()
   * @param items the lists of its arguments, one list a task: an iterable or an async iterable
   * @param options of this call
   * @returns the results, in the order of the items
   * @throws as map() does
   */
  async starmap<R extends Reference>(
    reference: R,
    items: Input<ArgumentsOf<R>>,
    options: MapOptions = {},
  ): Promise<ResultOf<R>[]> {
    return this.#collect(reference, items, checkMap('Pool.starmap()', options, this.#isolation), true)
  }

  /**
   * Runs a function for each item, and yields the results in the order of the items. The input is read as the
   * results are read: at most bufferSize items ahead of those that the workers have. If the loop is left
   * early, items that have not begun are not run.
   *
   * @param reference the function to run, from remote()
   * @param items what it is called with, one item a task: an iterable or an async iterable
   * @param options of this call
   * @returns an iterator over the results; with `onError: 'yield'` over PromiseSettledResults
   * @throws UsageError ERR_INVALID_ARGUMENT, ERR_UNKNOWN_OPTION, ERR_INVALID_OPTION, ERR_INVALID_STATE. next()
   *   rejects as run() does, and with what the input throws
   */
  imap<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options: ImapOptions & { onError: 'yield' },
  ): AsyncIterableIterator<PromiseSettledResult<ResultOf<R>>>
  imap<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options?: ImapOptions,
  ): AsyncIterableIterator<ResultOf<R>>
  imap<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options: ImapOptions = {},
  ): AsyncIterableIterator<unknown> {
    return this.#iterate('Pool.imap()', reference, items, checkImap('Pool.imap()', options, this.#isolation), {
      isOrdered: true,
    })
  }

  /**
   * As imap(), but yields each result as soon as it comes.
   *
   * @param reference the function to run, from remote()
   * @param items what it is called with, one item a task: an iterable or an async iterable
   * @param options of this call
   * @returns an iterator over the results; with `onError: 'yield'` over PromiseSettledResults
   * @throws as imap() does
   */
  imapUnordered<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options: ImapOptions & { onError: 'yield' },
  ): AsyncIterableIterator<PromiseSettledResult<ResultOf<R>>>
  imapUnordered<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options?: ImapOptions,
  ): AsyncIterableIterator<ResultOf<R>>
  imapUnordered<R extends Reference>(
    reference: R,
    items: Input<ItemOf<R>>,
    options: ImapOptions = {},
  ): AsyncIterableIterator<unknown> {
    const of = 'Pool.imapUnordered()'
    return this.#iterate(of, reference, items, checkImap(of, options, this.#isolation), { isOrdered: false })
  }

  async #collect<R extends Reference>(
    reference: R,
    items: Input<unknown>,
    options: MapOptions,
    spread: boolean,
  ): Promise<ResultOf<R>[]> {
    const of = spread ? 'Pool.starmap()' : 'Pool.map()'
    const results: ResultOf<R>[] = []
    for await (const result of this.#iterate(of, reference, items, options, { isOrdered: true, spread }))
      results.push(result as ResultOf<R>)
    return results
  }

  #iterate(
    of: string,
    reference: Reference,
    items: Input<unknown>,
    options: ImapOptions,
    { isOrdered, spread = false }: { isOrdered: boolean; spread?: boolean },
  ): Results<unknown> {
    const call = this.#callOf(of, reference, options, spread)
    if (!isInput(items))
      throw new UsageError('ERR_INVALID_ARGUMENT', `The items of ${of} must be an iterable or an async iterable.`)
    const { chunkSize = 'auto', bufferSize, onError = 'throw', signal } = options
    const abort = (): void => results.abort(abortError(signal!))
    const results = new Results<unknown>(this.#workers, call, items, {
      chunkSize,
      bufferSize,
      onError,
      isOrdered,
      processes: this.#processes,
      onOver: () => forget?.(),
    })
    const forget = signal && onAbort(signal, abort)
    if (signal?.aborted) abort()
    return results
  }

  #callOf(
    of: string,
    reference: Reference,
    { timeout, priority = 0, retries = 0, signal, ...listeners }: RunOptions,
    spread: boolean,
  ): Call {
    this.#workers.checkOpen()
    if (!isReference(reference))
      throw new UsageError(
        'ERR_INVALID_ARGUMENT',
        `${of} takes a reference to an exported function: remote(moduleUrl).name.`,
      )
    checkNotImporting(of, [reference.module, ...this.#modules])
    if (of === 'Pool.run()' && signal?.aborted) throw abortError(signal)
    const [onProgress, onOutput] = [inContext(listeners.onProgress), inContext(listeners.onOutput)]
    const call = { reference, spread, timeout, priority, retries, onProgress, onOutput, isOver: false }
    callMade(call, this.#name)
    return call
  }

  /**
   * What the pool is doing, and has done. The memory of each worker is read from /proc, which takes some microseconds.
   *
   * @returns counts of tasks, times in milliseconds, and the workers with their memory in bytes
   */
  stats(): PoolStats {
    return this.#workers.stats
  }

  /** Takes no more calls. Calls that were made are finished, and then the workers leave; join() waits for that. */
  close(): void {
    this.#workers.close(new UsageError('ERR_INVALID_STATE', 'This pool is closed. Make a new one for more tasks.'))
  }

  /** Kills the workers. Tasks that have not finished fail with UsageError ERR_INVALID_STATE. */
  terminate(): void {
    this.#workers.terminate(
      new UsageError(
        'ERR_INVALID_STATE',
        'This pool was terminated before the task was finished. Make a new one for more tasks.',
      ),
    )
  }

  /**
   * Waits until all workers are gone. Call close() or terminate() first.
   * @throws UsageError ERR_INVALID_STATE if neither was called
   */
  async join(): Promise<void> {
    if (!this.#workers.isEnding)
      throw new UsageError('ERR_INVALID_STATE', 'This pool is open. Call close() or terminate() before join().')
    await this.#workers.empty()
  }

  /** Terminates, and waits for the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.terminate()
    await this.#workers.empty()
  }
}
