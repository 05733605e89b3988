// Runs in: the test runner. `npm run bench`: each benchmark measures what it says it does, prints one JSON document,
// and leaves nothing behind. How fast anything is, is not asserted: that depends on the machine, and is what
// bench/results is for.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { bench, checkLatency, checkRates, type Latency, type Rates, report } from './bench-reports.js'

describe('npm run bench', () => {
  watchLeaks()

  test('process-creation has every peer that exists, or says why not', async () => {
    type Results = { racers: Rates[]; latency: Latency; latencyByLive: ({ live: number } & Latency)[] }
    const { results, skipped, bars } = await report<Results>('process-creation')
    checkRates(results.racers)
    const roles = results.racers.map(({ role }) => role)
    assert.deepEqual(roles.slice(0, 3), ['ours', 'child_process', 'worker'])
    const isSkipped = (word: string): boolean => skipped.some(({ what, why }) => what.includes(word) && why !== '')
    assert.notEqual(roles.includes('cpython'), isSkipped('CPython'))
    assert.notEqual(roles.includes('floor') && roles.includes('floor, anonymous'), isSkipped('floor'))
    checkLatency(results.latency)
    assert.deepEqual(
      results.latencyByLive.map(({ live }) => live),
      [1, 10],
    )
    results.latencyByLive.forEach(checkLatency)
    assert.ok(bars.some(({ name }) => name.includes('child_process.fork')))
    assert.ok(bars.some(({ name }) => name.includes('first user code')))
  })

  test('process-table has a line for each candidate and total, with mean and deviation', async () => {
    type Deviation = { mean: number; deviation: number }
    type Row = {
      name: string
      total: number
      active: number
      iterations: number
      perSecond: Deviation
      seconds: Deviation
    }
    const { results, skipped } = await report<{ rows: Row[] }>('process-table')
    const hasPython = !skipped.some(({ what, why }) => what.includes('CPython') && why !== '')
    const [one, each, python] = results.rows.map(({ name }) => name)
    assert.deepEqual([one, each], ['forkserver, one connection', 'forkserver, one connection per process'])
    assert.equal(python?.startsWith('CPython ') ?? false, hasPython)
    for (const { name, total, active, iterations, perSecond, seconds } of results.rows) {
      assert.deepEqual([total, iterations], [20, 2], name)
      assert.ok(active >= 1 && perSecond.mean > 0 && seconds.mean > 0, name)
      assert.ok(perSecond.deviation >= 0 && perSecond.deviation < perSecond.mean * 2, name)
    }
  })

  test('scaling compares a bare template with a large one, whose memory is in a file', async () => {
    type Size = { templateMb: number; ms: number; coldBytes: number; notFlat: string | null; latency: Latency }
    const { results, bars } = await report<{ byTemplate: Size[]; rates: Rates[] }>('scaling')
    checkRates(results.rates)
    const [bare, large] = results.byTemplate
    assert.deepEqual([bare!.templateMb, large!.templateMb], [0, 100])
    assert.ok(bare!.coldBytes === 0 && bare!.notFlat)
    assert.ok(large!.coldBytes > 100 * 2 ** 20 && large!.notFlat === null)
    for (const { ms, latency } of results.byTemplate) {
      checkLatency(latency)
      assert.equal(ms, latency.medianMs)
    }
    // No time: what the template writes after its freeze stays little on any machine.
    assert.equal(bars.find(({ name }) => name.startsWith('private memory'))?.met, true)
  })

  test('latency tells first line, result and end of every peer that exists, or says why not', async () => {
    type Row = { role: string; name: string; firstLine: Latency; result: Latency; end: Latency }
    const { results, skipped, bars } = await report<{ rows: Row[] }>('latency')
    const roles = results.rows.map(({ role }) => role)
    for (const role of ['ours', 'spare', 'child_process', 'worker']) assert.ok(roles.includes(role), role)
    const isSkipped = (word: string): boolean => skipped.some(({ what, why }) => what.includes(word) && why !== '')
    assert.notEqual(roles.includes('cpython'), isSkipped('CPython'))
    assert.notEqual(roles.includes('floor'), isSkipped('floor'))
    for (const { name, firstLine, result, end } of results.rows) {
      for (const latency of [firstLine, result, end]) checkLatency(latency)
      assert.ok(firstLine.medianMs < result.medianMs && result.medianMs < end.medianMs, name)
    }
    assert.equal(bars.length, 2)
  })

  test('faults names nearly all that the kernel counts, or says why it cannot', async () => {
    type Results = { counted: number; named: number; sorts: { kind: string; perChild: number }[] }
    const { results, skipped } = await report<Partial<Results>>('faults')
    assert.notEqual('named' in results, skipped.length > 0)
    if (skipped.length > 0) return assert.ok(skipped[0]!.why)
    const { counted, named, sorts } = results as Results
    assert.ok(named > 0.9 * counted && named <= counted, `${named} of ${counted}`)
    for (const { kind, perChild } of sorts) assert.ok(['copied', 'new', 'mapped'].includes(kind) && perChild > 0)
  })

  test('memory weighs children and watches the template', async () => {
    type PerChild = { way: string; children: number; pssBytes: number; privateBytes: number; addedBytes: number | null }
    type Moment = { forks: number; rssBytes: number; descriptors: number; mappings: number }
    const { results, bars } = await report<{ perChild: PerChild[]; growth: Moment[] }>('memory')
    assert.deepEqual(
      results.perChild.map(({ way, children }) => `${children} ${way}`),
      ['1 forkserver', '10 forkserver', '10 child_process.fork'],
    )
    for (const { pssBytes, privateBytes } of results.perChild) assert.ok(privateBytes > 0 && privateBytes <= pssBytes)
    assert.equal(results.growth[0]!.forks, 0)
    assert.equal(results.growth.at(-1)!.forks, 20)
    for (const { rssBytes, descriptors, mappings } of results.growth) {
      assert.ok(rssBytes > 2 ** 20 && descriptors > 3 && mappings > 10)
    }
    // These are no times: a descriptor that stays after a fork is a leak on any machine.
    assert.equal(bars.find(({ name }) => name.includes('descriptors'))?.met, true)
  })

  test('authentication times the handshake alone and in use', async () => {
    type Share = { eachPercent: number; normalPercent: number; normalProcesses: number }
    type Results = { handshakes: ({ what: string } & Latency)[]; rates: Rates[]; share: Share }
    const { results } = await report<Results>('authentication')
    assert.ok(results.handshakes.length >= 3)
    results.handshakes.forEach(checkLatency)
    checkRates(results.rates)
    assert.deepEqual(
      results.rates.slice(0, 3).map(({ name }) => name),
      ['one connection for all', 'a new connection for each', 'the connection of the starter'],
    )
    const { eachPercent, normalPercent } = results.share
    assert.ok(normalPercent > 0 && normalPercent < eachPercent && eachPercent < 100)
  })

  test('workloads compares a child with plain Node, and a program with a function', async () => {
    type Row = { workload: string; samples: number; plainMs: number; childMs: number; ratio: number }
    type Starts = { samples: number; functionMs: number; programMs: number }
    const { results, bars } = await report<{ workloads: Row[]; starts: Starts }>('workloads')
    assert.deepEqual(
      results.workloads.map(({ workload }) => workload),
      ['collectGarbage', 'compile', 'parseJson', 'runWasm', 'drawRandom'],
    )
    for (const { plainMs, childMs, ratio } of results.workloads) assert.ok(plainMs > 0 && ratio === childMs / plainMs)
    assert.ok(results.starts.functionMs > 0 && results.starts.programMs > 0)
    assert.equal(bars.length, 6)
  })

  test('connection has every peer that exists, at every size and in both ways', async () => {
    type Racer = Rates & { kind: string; forkserverIsFasterBy: { median: number } }
    type Question = { way: string; bytes: number; racers: Racer[] }
    type Results = { questions: Question[]; handshakes: ({ what: string } & Latency)[] }
    const { results, skipped, bars } = await report<Results>('connection')
    assert.deepEqual(
      results.questions.map(({ way, bytes }) => `${bytes} ${way}`),
      [64, 4096, 1_048_576].flatMap((bytes) => [`${bytes} roundTrips`, `${bytes} oneWay`]),
    )
    const hasPython = !skipped.some(({ what, why }) => what.includes('CPython') && why !== '')
    for (const { racers } of results.questions) {
      checkRates(racers)
      const kinds = new Set(racers.map(({ role, kind }) => `${role} ${kind}`))
      for (const kind of [
        'ours bytes',
        'ours values',
        'ours json',
        'ipc values',
        'ipc json',
        'thread values',
        'net bytes',
      ])
        assert.ok(kinds.has(kind), kind)
      assert.equal(kinds.has('cpython bytes') && kinds.has('cpython values'), hasPython)
      for (const { name, forkserverIsFasterBy } of racers) assert.ok(forkserverIsFasterBy.median > 0, name)
    }
    results.handshakes.forEach(checkLatency)
    for (const word of ['64 B round trips', '1 MiB one way', 'child_process', 'net.Socket'])
      assert.ok(
        bars.some(({ name }) => name.includes(word)),
        word,
      )
  })

  test('bullmq runs jobs in fresh processes of both kinds, or says why not', async () => {
    const { results, skipped, bars } = await report<{ racers: Rates[] }>('bullmq')
    if (skipped.length > 0) return assert.match(skipped[0]!.why, /redis-server/)
    checkRates(results.racers)
    assert.deepEqual(
      results.racers.map(({ role }) => role),
      ['ours', 'bullmq', 'reused'],
    )
    assert.equal(bars.length, 1)
  })

  test('drop-in measures fork() and node --test, both ways', async () => {
    const { results, bars } = await report<{ forks: Latency[]; rows: { way: string; ms: number[] }[] }>('drop-in')
    results.forks.forEach(checkLatency)
    assert.equal(results.forks.length, 2)
    assert.deepEqual(
      results.rows.map(({ way }) => way),
      ['node', 'cold', 'learnt'],
    )
    for (const { ms } of results.rows) assert.ok(ms.length > 0 && ms.every((one) => one > 0))
    assert.equal(bars.length, 3)
  })

  test('an unknown name lists the names', async () => {
    for (const args of [['nonsense'], []]) {
      const { code, stdout, stderr } = await bench(...args)
      assert.equal(code, 2)
      assert.equal(stdout, '')
      assert.match(stderr, /process-creation[\s\S]*memory[\s\S]*authentication/)
    }
  })

  test('a wrong option is refused', async () => {
    for (const args of [
      ['memory', '--forks', '0'],
      ['memory', '--fork', '1'],
    ]) {
      const { code, stderr } = await bench(...args)
      assert.equal(code, 2)
      assert.match(stderr, /--fork/)
    }
  })
})
