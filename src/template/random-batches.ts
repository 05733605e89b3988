// Runs in: template. Leaves children nothing of the random values that Node draws in advance.
//
// crypto.randomUUID() (and webcrypto's, and the ids of Blob URLs) takes from a batch of 128, crypto.randomInt() from
// one of 1,024 (lib/internal/crypto/random.js); children would take the same ones. OpenSSL itself notices a fork. So
// the batches are used up before the first fork: whoever asks first, in whichever child, fills a new one. A batch is
// full when Node has just asked OpenSSL for it, which is an asynchronous resource of its own, also where it is
// synchronous: async_hooks tells.
import { createHook } from 'node:async_hooks'
import { randomInt, randomUUID } from 'node:crypto'

/** The largest range that randomInt() takes: every draw is one of the batch, none is rejected. */
const WIDEST = 2 ** 48 - 1

/** What Node draws in advance: how many at a time, and how to draw one. */
const BATCHES: readonly { name: string; size: number; draw: () => unknown }[] = [
  { name: 'crypto.randomUUID()', size: 128, draw: () => randomUUID() },
  { name: 'crypto.randomInt()', size: 1024, draw: () => randomInt(WIDEST) },
]

/** Uses up every batch. Returns what cannot be used up, because this Node does it in another way: a child would repeat it. */
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
