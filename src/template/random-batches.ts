// Runs in: template and its trial children. Uses up the random values that Node has drawn in advance, so that children
// do not share them.
//
// crypto.randomUUID() (and that of webcrypto, randomUUIDv7() and the ids of Blob URLs) takes from a batch of 128,
// crypto.randomInt() from one of 1,024 (lib/internal/crypto/random.js). Children would take the same ones; OpenSSL
// itself notices a fork. So the template uses up the batches before the first fork. A child that asks for a value
// then fills a new batch.
//
// Nothing shows when Node fills a batch (until Node 26.11 an async_hooks hook saw it). But a fork does: a child and its
// template draw the same values until the batch is empty, and different ones after that. So a first trial child tells
// what it draws, which shows where the template stands, and a second one shows that the batches are used up.
import { randomInt, randomUUID } from 'node:crypto'

/** The largest range that randomInt() takes: each draw takes one value of the batch, and none is rejected. */
const WIDEST = 2 ** 48 - 1

interface Batch {
  readonly name: string
  /** How many values Node draws at a time. */
  readonly size: number
  draw(): string | number
}

/** What Node draws in advance. */
const BATCHES: readonly Batch[] = [
  { name: 'crypto.randomUUID()', size: 128, draw: randomUUID },
  { name: 'crypto.randomInt()', size: 1024, draw: () => randomInt(WIDEST) },
]

/** Values of each batch, as a trial child drew them. */
export type Drawn = readonly (readonly unknown[])[]

/** In the first trial child: draws as many values as a batch can have left. */
export const drawBatches = (): Drawn => BATCHES.map(({ size, draw }) => Array.from({ length: size }, () => draw()))

/** In the second one: draws one value of each batch. */
export const drawOnce = (): Drawn => BATCHES.map(({ draw }) => [draw()])

/**
 * In the template: uses up every batch.
 *
 * @param drawn by a child that was forked just before
 * @returns the names of the batches that were not used up as they should be: children would repeat their values. After
 *   drawOnce(): because more than one value of the child is the template's too
 */
export function useUpBatches(drawn: Drawn): string[] {
  return BATCHES.filter((batch, at) => !useUp(batch, drawn[at] ?? [])).map(({ name }) => name)
}

/** Draws until the child's values are not the template's any more: a new batch has begun. Then draws the rest of it. */
function useUp({ size, draw }: Batch, childs: readonly unknown[]): boolean {
  const isNew = childs.some((value) => value !== draw())
  if (!isNew) return false
  for (let left = size - 1; left > 0; left--) draw()
  return true
}
