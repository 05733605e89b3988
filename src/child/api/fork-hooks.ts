// Runs in: owner, template and child. What a module asks to be called about a fork: it registers in whichever process loads it, and is
// called where a template freezes and where a child is born. Pure: it only keeps lists.

import { UsageError } from '../../errors.js'

/** Called in a template or a child; what it returns is awaited. */
export type ForkCallback = () => unknown

interface Hooks {
  onFork: ForkCallback[]
  beforeFreeze: ForkCallback[]
  generation: number
}

// One list for all copies of this package in a process: a preloaded package may have brought its own.
const KEY = Symbol.for('forkserver.hooks')
const shared = globalThis as { [KEY]?: Hooks }
const hooks = (shared[KEY] ??= { onFork: [], beforeFreeze: [], generation: 0 })

/**
 * Registers a callback that runs in every child, before its job: for what a module keeps that siblings must not share, such as a pool
 * of random values, a client id, or a connection to be opened anew. Callbacks run in the order of their registration, each awaited;
 * one that throws is the job's error. In a process that is not forked it is never called.
 *
 * @param callback called without arguments
 * @returns a function that takes the callback back
 *
 * @example
 * let pool = fill()
 * onFork(() => { pool = fill() })
 */
export function onFork(callback: ForkCallback): () => void {
  return register(hooks.onFork, callback)
}

/**
 * Registers a callback that runs in a template, after the preload and the warm-up and before the freeze: for what cannot be forked and
 * can be closed, such as a connection, a worker thread, or a timer. Callbacks run in reverse order of their registration, each awaited;
 * one that throws fails the start with ERR_PRELOAD_FAILED. In a process that is no template it is never called.
 *
 * @param callback called without arguments
 * @returns a function that takes the callback back
 *
 * @example
 * beforeFreeze(() => client.close())
 * onFork(() => client.connect())
 */
export function beforeFreeze(callback: ForkCallback): () => void {
  return register(hooks.beforeFreeze, callback)
}

/**
 * How many forks lie between this process and the one that loaded its modules: 0 in an owner, a template and a spawned child, 1 in a
 * forked child. A module that cannot register a callback compares it with the number that it remembers.
 *
 * @returns 0 or more
 *
 * @example
 * if (generation() !== seen) { seen = generation(); pool = fill() }
 */
export function generation(): number {
  return hooks.generation
}

function register(list: ForkCallback[], callback: ForkCallback): () => void {
  if (typeof callback !== 'function') throw new UsageError('ERR_INVALID_ARGUMENT', 'Pass a function to be called.')
  const entry: ForkCallback = () => callback() // the same function may be registered twice, and taken back once
  list.push(entry)
  return () => {
    const at = list.indexOf(entry)
    if (at >= 0) list.splice(at, 1)
  }
}

/** A fork has happened: in the child, before anything asks. */
export function countFork(): void {
  hooks.generation++
}

/** Runs in a child, before its job. */
export async function runOnFork(): Promise<void> {
  for (const callback of [...hooks.onFork]) await callback()
}

/** Runs in a template, before it freezes. */
export async function runBeforeFreeze(): Promise<void> {
  for (const callback of hooks.beforeFreeze.toReversed()) await callback()
}
