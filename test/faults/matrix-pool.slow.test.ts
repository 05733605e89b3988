// Runs in: the test runner. Whoever fails, at whatever moment of a worker's life and in whatever way: each task of a
// Pool has exactly one answer, no task begins twice, the pool ends, and nothing is left.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Pool, remote } from 'forkserver'
import type { FaultEnvironment, Moment, PoolFault } from '../fixtures/faults/matrix-moments.js'
import type { Item } from '../fixtures/faults/matrix-tasks.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const fixture = (name: string): URL => new URL(`../fixtures/faults/${name}.js`, import.meta.url)
const moments = remote<typeof import('../fixtures/faults/matrix-moments.js')>(fixture('matrix-moments'))
const tasks = remote<typeof import('../fixtures/faults/matrix-tasks.js')>(fixture('matrix-tasks'))

/** A cell that hangs fails by this, in milliseconds. */
const LIMIT = { timeout: 60_000 }
/** Cells mostly wait, so some of them run at a time. */
const CELLS = { concurrency: 4 }
/** Injected, so that nobody waits for long for what is stopped. A task that is not stopped needs far less. */
const SHORT_MS = 2_500
const TEMPLATE_TIMEOUT = 1_000

const ITEMS: Item[] = [0, 1, 2, 3].map((id) => ({ id }))

const MOMENTS: Moment[] = [
  'birth',
  'import',
  'initializer',
  'decoding',
  'run',
  'encoding the result',
  'delivery',
  'teardown',
  'exit',
  'close',
]

/** How often: one process fails, or each one that comes to the moment. */
type Often = 'once' | 'always'

/** 'value', or the code of an error. */
type Answer = string

const answerOf = (result: PromiseSettledResult<unknown>): Answer =>
  result.status === 'fulfilled' ? 'value' : ((result.reason as { code?: string }).code ?? String(result.reason))

type Results = PromiseSettledResult<Item>[]

/** If the pool breaks, the iteration ends: its error is the answer of all tasks that are left. */
async function collect(results: AsyncIterable<PromiseSettledResult<Item>>): Promise<Results> {
  const all: Results = []
  try {
    for await (const result of results) all.push(result)
  } catch (reason) {
    assert.equal((reason as { code?: string }).code, 'ERR_POOL_BROKEN')
    while (all.length < ITEMS.length) all.push({ status: 'rejected', reason })
  }
  return all
}

const OPTIONS = { chunkSize: 1, onError: 'yield', timeout: SHORT_MS } as const

/** Each way to call: one answer for each task. A map() has one for all. */
const CALLS: Record<string, (pool: Pool) => Promise<Results>> = {
  run: (pool) => Promise.allSettled(ITEMS.map((item) => pool.run(tasks.work, [item], { timeout: SHORT_MS }))),
  map: async (pool) => {
    const [all] = await Promise.allSettled([pool.map(tasks.work, ITEMS, { chunkSize: 1, timeout: SHORT_MS })])
    if (all!.status === 'rejected') return [all!]
    return all!.value.map((value) => ({ status: 'fulfilled', value }))
  },
  imap: (pool) => collect(pool.imap(tasks.work, ITEMS, OPTIONS)),
  imapUnordered: (pool) => collect(pool.imapUnordered(tasks.work, ITEMS, OPTIONS)),
}

/** What workers did that answer nonsense, or that none was ready in time: on a busy machine ten births take long. */
const SAYS_WHY = /^ERR_(PROTOCOL|TIMEOUT)$/
const NEVER_READY = /^ERR_(POOL_BROKEN|TIMEOUT)$/
const BROKEN = /^(value|ERR_(PROTOCOL|MESSAGE_TOO_LARGE|CHILD_DIED|TIMEOUT|RESOURCE|POOL_BROKEN))$/

/** What the answers of a cell may be. */
function wantedOf(fault: PoolFault, moment: Moment, often: Often): { each: RegExp; some?: RegExp } {
  if (fault.startsWith('template')) return { each: /^value$/ } // workers need no template to work
  if (moment === 'teardown' || moment === 'exit') return { each: /^value$/ }
  // What a worker wrote over may be what nobody reads again; then it goes on.
  if (fault === 'worker answers nonsense' || fault === 'worker scribbles') return { each: BROKEN }
  const died = fault === 'worker dies' ? 'ERR_CHILD_DIED' : 'ERR_TIMEOUT'
  if (moment === 'birth' || moment === 'initializer') return { each: often === 'once' ? /^value$/ : NEVER_READY }
  if (moment === 'delivery') return { each: new RegExp(`^(value|${died})$`) }
  if (often === 'always') return { each: new RegExp(`^${died}$`) }
  return { each: new RegExp(`^(value|${died})$`), some: new RegExp(`^${died}$`) }
}

interface Notes {
  born: number[]
  begun: number[]
  faults: number
}

function readNotes(file: string): Notes {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  const numbersOf = (word: string): number[] =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => Number(line.split(' ')[1]))
  return { born: numbersOf('born'), begun: numbersOf('begun'), faults: lines.filter((l) => l === 'fault').length }
}

let folder: string
let files = 0
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fs-matrix-'))
})
after(() => rmSync(folder, { recursive: true }))

async function runCell(server: ForkServer, call: string, fault: PoolFault, moment: Moment, often: Often) {
  const notes = path.join(folder, `notes${files++}`)
  const faults: FaultEnvironment = { TEST_MOMENT: moment, TEST_POOL_FAULT: fault, TEST_NOTES: notes }
  if (often === 'once') faults.TEST_ONCE = `${notes}-once`
  const pool = new Pool({
    server,
    processes: 2,
    initializer: moments.initialize,
    teardown: moments.tearDown,
    startTimeout: fault === 'worker is stopped' ? SHORT_MS : 30_000,
    teardownTimeout: SHORT_MS,
    stdio: 'ignore',
    env: { ...process.env, ...faults },
  })
  try {
    const calling = CALLS[call]!(pool)
    if (moment === 'close') pool.close()
    const results = await calling
    const answers = results.map(answerOf)
    pool.close()
    await pool.join()
    const { born, begun, faults: happened } = readNotes(notes)
    assert.ok(happened > 0, 'the fault did not happen')
    const { each, some } = wantedOf(fault, moment, often)
    for (const answer of answers) assert.match(answer, each, answers.join())
    if (fault === 'worker answers nonsense' && moment === 'birth' && often === 'always') {
      // A worker may be ready, and even have a task done, before its owner has read the nonsense.
      for (const result of results)
        if (result.status === 'rejected') assert.match((result.reason.cause ?? result.reason).code, SAYS_WHY)
    }
    if (some)
      assert.ok(
        answers.some((answer) => some.test(answer)),
        answers.join(),
      )
    const isOneForAll = call === 'map' && answers[0] !== 'value'
    assert.equal(answers.length, isOneForAll ? 1 : ITEMS.length)
    const ids = results.flatMap((result) => (result.status === 'fulfilled' ? result.value.id : []))
    assert.equal(new Set(ids).size, ids.length, 'no task has two answers')
    if (call !== 'imapUnordered') assert.deepEqual(ids, [...ids].sort(), 'in the order of the items')
    assert.equal(new Set(begun).size, begun.length, `no task began twice: ${begun}`)
    assert.ok(await until(() => !born.some(isAlive)), 'a worker is left')
  } finally {
    await pool[Symbol.asyncDispose]()
  }
}

const WORKER_FAULTS: PoolFault[] = ['worker dies', 'worker is stopped', 'worker answers nonsense', 'worker scribbles']

describe('a worker fails', CELLS, () => {
  let server: ForkServer
  before(async () => {
    server = await ForkServer.start({ preload: [moments.module] })
  })
  after(() => server.close())
  for (const fault of WORKER_FAULTS)
    for (const moment of MOMENTS)
      for (const often of ['once', 'always'] as const)
        for (const call of Object.keys(CALLS)) {
          const title = `${fault}, ${moment}, ${often}, ${call}`
          test(title, LIMIT, () => runCell(server, call, fault, moment, often))
        }
})

describe('a template fails', CELLS, () => {
  for (const fault of ['template dies', 'template is stopped'] as const)
    for (const moment of MOMENTS)
      for (const call of Object.keys(CALLS)) {
        const title = `${fault}, ${moment}, ${call}`
        test(title, LIMIT, async () => {
          const server = await ForkServer.start({ preload: [moments.module], templateTimeout: TEMPLATE_TIMEOUT })
          try {
            await runCell(server, call, fault, moment, 'once')
          } finally {
            await server.close({ children: 'kill' })
          }
        })
      }
})
