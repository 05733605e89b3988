// Runs in: the test runner. A trial child that is slow is waited for; one that hangs, in a lock or in a loop, is not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TrialProgress } from '#src/template/trial-progress.js'

const CHECK_MS = 100

/** The check, counted from 1, at which a child counts as hanging, and why; undefined if none of 1,000 does. */
function firstHang(
  at: (check: number) => { elapsedMs?: number; work: string | undefined; processorMs: number | undefined },
  nodeStartMs = 150,
): [check: number, why: string] | undefined {
  const progress = new TrialProgress(CHECK_MS, nodeStartMs)
  for (let check = 1; check <= 1_000; check++) {
    const { elapsedMs = CHECK_MS, work, processorMs } = at(check)
    const why = progress.whyHangs(elapsedMs, work, processorMs)
    if (why) return [check, why]
  }
  return undefined
}

test('a child that works a little within each five seconds is waited for', () => {
  assert.equal(
    firstHang((check) => ({ work: `${Math.floor(check / 49)}`, processorMs: check / 10 })),
    undefined,
  )
})

test('a child that does nothing for five seconds hangs', () => {
  const [check, why] = firstHang(() => ({ work: '7', processorMs: 10 }))!
  assert.equal(check, 51, 'the first check only sees what the work is')
  assert.match(why, /did nothing for 5 s/)
})

test('a child that stops working late hangs five seconds later', () => {
  const [check] = firstHang((check) => ({ work: `${Math.min(check, 300)}`, processorMs: 10 }))!
  assert.equal(check, 350)
})

test('a child in an endless loop hangs when it has run for two seconds, however long that takes', () => {
  const [check, why] = firstHang((check) => ({ work: `${check}`, processorMs: check * 10 }))!
  assert.equal(check, 200)
  assert.match(why, /2 s of processor time/)
})

test('on a slow machine, it may run ten times as long as Node took to start', () => {
  const [check, why] = firstHang((check) => ({ work: `${check}`, processorMs: check * 50 }), 4_000)!
  assert.equal(check, 800)
  assert.match(why, /40 s of processor time/)
})

test('time in which the template itself did not run counts as one check', () => {
  assert.equal(firstHang(() => ({ elapsedMs: 60_000, work: '7', processorMs: 10 }))![0], 51)
})

test('checks that come too early count only the time that has passed', () => {
  assert.equal(firstHang(() => ({ elapsedMs: CHECK_MS / 10, work: '7', processorMs: 10 }))![0], 501)
})

test('a child of which nothing can be known has five seconds', () => {
  assert.equal(firstHang(() => ({ work: undefined, processorMs: undefined }))![0], 50)
})
