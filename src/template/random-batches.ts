// Runs in: template. Uses up the random values that Node has drawn in advance, so that children do not share them.
//
// crypto.randomUUID() (and that of webcrypto, and the ids of Blob URLs) takes from a batch of 128,
// crypto.randomInt() from one of 1,024 (lib/internal/crypto/random.js). Children would take the same ones; OpenSSL
// itself notices a fork. So the template uses up the batches before the first fork. A child that asks for a value
// then fills a new batch. A batch is full when Node has just asked OpenSSL for it. Even a synchronous request is an
// asynchronous resource, so async_hooks shows it.
import { createHook } from 'node:async_hooks'
import { randomInt, randomUUID } from 'node:crypto'

/** The largest range that randomInt() takes: each draw takes one value of the batch, and none is rejected. */
const WIDEST = 2 ** 48 - 1

/** What Node draws in advance: how many at a time, and how to draw one. */
const BATCHES: readonly { name: string; size: number; draw: () => unknown }[] = [
  { name: 'crypto.randomUUID()', size: 128, draw: () => randomUUID() },
  { name: 'crypto.randomInt()', size: 1024, draw: () => randomInt(WIDEST) },
]

/**
 * Uses up every batch. Returns the names of batches that this Node fills in an unknown way.
 * Children would repeat their values.
 */
export function useUpBatches(): string[] {
  let fills = 0
  const hook = createHook({
    init: (_id, type) => {
      if (type === 'RANDOMBYTESREQUEST') fills++
    },
  }).enable()
  try {
    return BATCHES.filter(({ size, draw }) => !useUp(size, draw, () => fills)).map(({ name }) => name)
  } finally {
    hook.disable()
  }
}

function useUp(size: number, draw: () => unknown, countFills: () => number): boolean {
  const before = countFills()
  for (let drawn = 0; countFills() === before; drawn++) {
    if (drawn > size) return false
    draw()
  }
  for (let drawn = 1; drawn < size; drawn++) draw() // the first of the new batch is drawn
  return countFills() === before + 1
}
