// Runs in: the test runner. An owner fails, at whatever moment: it dies by SIGKILL, it ends, or it is stopped and goes
// on. If it ends, all that it started ends, too. If it goes on, it has its results as if nothing had happened: nobody
// else is to blame for the time in which it did not run.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { FaultEnvironment, Moment } from '../fixtures/faults/matrix-moments.js'
import type { OwnMoment } from '../fixtures/faults/matrix-owner.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, runProgram } from './owner.js'

watchLeaks()

const LIMIT = { timeout: 60_000 }
/** Owners mostly wait, so some of them run at a time. */
const CELLS = { concurrency: 4 }
/** A template that is still starting sees the end of its owner, and removes its socket file, when it has started. */
const START_MS = 20_000
/** Longer than the templateTimeout of the owner, in milliseconds. */
const STOPPED_MS = 1_500
const OWNER = fileURLToPath(new URL('../fixtures/faults/matrix-owner.js', import.meta.url))

const CALLS = ['Process', 'run', 'map', 'imap', 'imapUnordered']
const OWN: OwnMoment[] = ['template start', 'request', 'result', 'closing']
const OF_CHILDREN: Moment[] = ['birth', 'import', 'run', 'encoding the result', 'delivery', 'exit']
const OF_WORKERS: Moment[] = ['initializer', 'decoding', 'teardown', 'close']
const FAULTS: [name: string, signal: NodeJS.Signals][] = [
  ['dies by SIGKILL', 'SIGKILL'],
  ['ends normally', 'SIGTERM'],
  ['is stopped and goes on', 'SIGSTOP'],
]

function momentsOf(call: string): string[] {
  return call === 'Process' ? [...OWN, ...OF_CHILDREN] : [...OWN, ...OF_CHILDREN, ...OF_WORKERS]
}

const stateOf = (pid: number): string => {
  try {
    return /\) (.)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))![1]!
  } catch {
    return 'gone'
  }
}

/** Socket files that this owner left. */
const foldersOf = (pid: number): string[] =>
  readdirSync(process.env.XDG_RUNTIME_DIR || os.tmpdir()).filter((name) => name.startsWith(`forkserver-${pid}-`))

let folder: string
let files = 0
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'fs-matrix-'))
})
after(() => rmSync(folder, { recursive: true }))

async function runCell(call: string, moment: string, signal: NodeJS.Signals): Promise<void> {
  const notes = path.join(folder, `notes${files++}`)
  const faults: FaultEnvironment = {
    TEST_MOMENT: moment,
    TEST_POOL_FAULT: `owner ${signal}`,
    TEST_ONCE: `${notes}-once`,
    TEST_NOTES: notes,
  }
  const owner = runProgram(process.execPath, [OWNER, call, moment, signal], { ...faults })
  const pid = owner.process.pid!
  try {
    if (signal === 'SIGSTOP') {
      assert.ok(await until(() => stateOf(pid) === 'T', 20_000), 'the owner was not stopped')
      await sleep(STOPPED_MS)
      process.kill(pid, 'SIGCONT')
    }
    const lines: string[] = []
    for (let line: string | undefined; (line = await owner.nextLine()) !== undefined; ) lines.push(line)
    const { exitCode, signal: by, stderr } = await owner.ended
    if (signal === 'SIGKILL') assert.equal(by, 'SIGKILL')
    else assert.deepEqual({ exitCode, by, stderr }, { exitCode: 0, by: null, stderr: '' })
    if (signal === 'SIGSTOP') assert.equal(lines[1], '[0,1,2,3]')
    const { template } = lines[0] ? (JSON.parse(lines[0]) as { template: number }) : { template: 0 }
    // An owner that dies may leave the file empty: its child was about to write.
    const born = ((existsSync(notes) && readFileSync(notes, 'utf8').match(/(?<=born )\d+/g)) || []).map(Number)
    assert.ok(await until(() => ![template, ...born].some((one) => one > 0 && isAlive(one))), 'processes are left')
    assert.ok(await until(() => foldersOf(pid).length === 0, START_MS), 'a socket file is left')
  } finally {
    killIfAlive(pid)
  }
}

for (const [name, signal] of FAULTS) {
  describe(`an owner ${name}`, CELLS, () => {
    for (const call of CALLS)
      for (const moment of momentsOf(call)) test(`${call}: ${moment}`, LIMIT, () => runCell(call, moment, signal))
  })
}
