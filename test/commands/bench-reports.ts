// Runs in: the test runner. Runs a benchmark as briefly as possible, and checks what every report has.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('../../bench/run.js', import.meta.url))
const LIMIT_MS = 480_000
/** As little as can be measured. */
const QUICK = '--quick --json --rounds 1 --slice-ms 100 --samples 6'
const TINY = `${QUICK} --forks 20 --iterations 2 --live 10 --objects 100 --files 2`.split(' ')

interface Bar {
  name: string
  wanted: string
  measured: number
  met: boolean
}

export interface Report<R> {
  benchmark: string
  machine: Record<string, string | number>
  settings: Record<string, number>
  results: R
  bars: Bar[]
  skipped: { what: string; why: string }[]
}

export interface Rates {
  name: string
  role?: string
  processes: number
  perSecond: { median: number; lowest: number; highest: number }
  perRound: number[]
}

export interface Latency {
  samples: number
  medianMs: number
  p99Ms: number
  highestMs: number
}

export function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [BENCH, ...args], { timeout: LIMIT_MS }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr })
    })
  })
}

export async function report<R>(name: string): Promise<Report<R>> {
  const { code, stdout, stderr } = await bench(name, ...TINY)
  assert.equal(code, 0, stderr)
  const found = JSON.parse(stdout) as Report<R>
  assert.equal(found.benchmark, name)
  assert.equal(found.machine.node, process.version)
  for (const field of ['date', 'cpu', 'cores', 'kernel', 'libc', 'commit']) assert.ok(found.machine[field], field)
  const counts = { samples: 6, forks: 20, iterations: 2, live: 10, objects: 100, files: 2 }
  assert.deepEqual(found.settings, { rounds: 1, sliceMs: 100, ...counts })
  for (const { name, wanted, measured, met } of found.bars) {
    assert.ok(Number.isFinite(measured), name)
    assert.match(wanted, /^at (?:least|most) [\d.]+ \S+$/)
    const limit = Number(/[\d.]+/.exec(wanted)![0])
    assert.equal(met, wanted.startsWith('at least') ? measured >= limit : measured <= limit, name)
  }
  return found
}

export function checkRates(rates: readonly Rates[]): void {
  for (const { name, processes, perSecond, perRound } of rates) {
    assert.ok(processes >= 1, name)
    assert.equal(perRound.length, 1, name)
    assert.ok(
      perSecond.lowest > 0 && perSecond.lowest <= perSecond.median && perSecond.median <= perSecond.highest,
      name,
    )
  }
}

export function checkLatency({ samples, medianMs, p99Ms, highestMs }: Latency): void {
  assert.ok(samples >= 6)
  assert.ok(medianMs > 0 && medianMs <= p99Ms && p99Ms <= highestMs)
}
