// Runs in: the system that is tried, in a project that installed the tarball. What a user does on the first day: many
// processes, a pool, a death, an orderly end. Prints a line of JSON, and fails at the first wrong result:
// node smoke.js EXPECTED_START_METHOD [ASKED_START_METHOD]
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChildError, ForkServer, Pool, Process, remote } from 'forkserver'

const PROCESSES = 100
const ITEMS = 200
const LIMIT_MS = 10_000

const jobs = remote<typeof import('./smoke-jobs.js')>(new URL('./smoke-jobs.js', import.meta.url))

/** Other processes of this Node, as 'pid command'. In a pid namespace of its own these can only come from here. */
function otherNodes(): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || [process.pid, process.ppid].includes(Number(pid))) return []
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return command[0] === process.execPath || command[0] === 'node' ? [`${pid} ${command.join(' ')}`] : []
    } catch {
      return [] // it ended meanwhile
    }
  })
}

async function runProcesses(server: ForkServer): Promise<void> {
  const answers: { pid: number; value: number; random: number }[] = []
  const lane = async (first: number): Promise<void> => {
    for (let at = first; at < PROCESSES; at += 4) {
      const child = await new Process(jobs.double, [at], { server, stdio: 'ignore' }).start()
      answers[at] = await child.result
      const { exitCode, signal } = await child.join()
      assert.deepEqual({ exitCode, signal }, { exitCode: 0, signal: null })
    }
  }
  await Promise.all([0, 1, 2, 3].map(lane))
  for (const [at, { value }] of answers.entries()) assert.equal(value, at * 2)
  assert.equal(new Set(answers.map(({ random }) => random)).size, PROCESSES, 'random numbers are repeated')
}

async function runPool(server: ForkServer): Promise<void> {
  const pool = new Pool({ server, processes: 2 })
  const numbers = Array.from({ length: ITEMS }, (_, at) => at)
  let at = 0
  for await (const { value } of pool.imap(jobs.double, numbers, { chunkSize: 10 })) assert.equal(value, 2 * at++)
  assert.equal(at, ITEMS)
  const isDeath = (error: unknown): boolean => error instanceof ChildError && error.signal === 'SIGKILL'
  await assert.rejects(pool.run(jobs.dieBySignal, []), isDeath)
  assert.equal((await pool.run(jobs.double, [4])).value, 8)
  await pool.close()
}

async function checkNothingIsLeft(): Promise<void> {
  const sockets = (): string[] => readdirSync(os.tmpdir()).filter((name) => name.startsWith('forkserver'))
  const isClean = (): boolean => otherNodes().length + sockets().length === 0
  for (const end = performance.now() + LIMIT_MS; !isClean() && performance.now() < end; ) await sleep(50)
  assert.deepEqual(otherNodes(), [], 'processes are left')
  assert.deepEqual(sockets(), [], 'files are left')
}

const [expected, asked] = process.argv.slice(2)
const server = await ForkServer.start({
  preload: [jobs.module],
  startMethod: asked === 'spawn' ? asked : 'forkserver',
})
assert.equal(server.startMethod, expected, server.spawnReason ?? '')
const start = performance.now()
await runProcesses(server)
const msPerProcess = Math.round(((performance.now() - start) / PROCESSES) * 10) / 10
await runPool(server)
await server.close()
await checkNothingIsLeft()
const { startMethod, spawnReason = null } = server
console.log(JSON.stringify({ startMethod, spawnReason, processes: PROCESSES, msPerProcess, items: ITEMS }))
