// Runs in: owner, template and child. Callbacks that a module registers for a fork. A template calls some of them
// before it freezes, and each child calls the others before its job. Pure: it only keeps lists.

import { UsageError } from '../../errors.js'

/** Called in a template or a child. A promise that it returns is awaited. */
export type ForkCallback = () => unknown

interface Hooks {
  onFork: ForkCallback[]
  beforeFreeze: ForkCallback[]
  generation: number
}

// All copies of this package in a process share one list: a preloaded package may bring a copy of its own.
const KEY = Symbol.for('forkserver.hooks')
const shared = globalThis as { [KEY]?: Hooks }
const hooks = (shared[KEY] ??= { onFork: [], beforeFreeze: [], generation: 0 })

/**
 * Registers a callback that runs in every child before its job. Use it for state that siblings must not share,
 * such as a pool of random values, a client id, or a connection that has to be opened again. Callbacks run in the
 * order of their registration, and each is awaited. If one throws, its error is the job's error. In a process
 * that is not forked, callbacks are never called.
 *
 * @param callback called without arguments
 * @returns a function that removes the callback
 *
 * @example
 * let stock = randomBytes(1024)
 * onFork(() => { stock = randomBytes(1024) })
 */
export function onFork(callback: ForkCallback): () => void {
  return register(hooks.onFork, callback)
}

/**
 * Registers a callback that runs in a template after the preload and the warm-up, before the template freezes. Use it
 * to close what cannot be forked, such as a connection, a worker thread, or a timer. Callbacks run in the reverse order
 * of their registration, and each is awaited. If one throws, the start fails with ERR_PRELOAD_FAILED. In other
 * processes, callbacks are never called.
 *
 * @param callback called without arguments
 * @returns a function that removes the callback
 *
 * @example
 * beforeFreeze(() => client.close())
 * onFork(() => client.connect())
 */
export function beforeFreeze(callback: ForkCallback): () => void {
  return register(hooks.beforeFreeze, callback)
}

/**
 * The number of forks between this process and the one that loaded its modules: 0 in an owner, a template and a spawned
 * child, 1 in a forked child. A module that cannot register a callback can compare this number with the one that it has
 * seen before.
 *
 * @returns 0 or more
 *
 * @example
 * let seen = generation()
 * if (generation() !== seen) seen = generation() // this process was forked since then
 */
export function generation(): number {
  return hooks.generation
}

function register(list: ForkCallback[], callback: ForkCallback): () => void {
  if (typeof callback !== 'function') throw new UsageError('ERR_INVALID_ARGUMENT', 'Pass a function to be called.')
  const entry: ForkCallback = () => callback() // the same function may be registered twice, and removed once
  list.push(entry)
  return () => {
    const at = list.indexOf(entry)
    if (at >= 0) list.splice(at, 1)
  }
}

/** Counts a fork. Called in the child, before any code of the user runs. */
export function countFork(): void {
  hooks.generation++
}

/** Runs in a child, before its job. A rehearsal has none to run. */
export async function runOnFork(callbacks: readonly ForkCallback[] = hooks.onFork): Promise<void> {
  for (const callback of [...callbacks]) await callback()
}

/** Runs in a template, before it freezes. */
export async function runBeforeFreeze(): Promise<void> {
  for (const callback of hooks.beforeFreeze.toReversed()) await callback()
}
