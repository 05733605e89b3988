// Runs in: owner. The time from start() to the first line of the user's function, on a clock that both processes share.
import { type ForkServer, Process } from 'forkserver'
import { Crowd } from './children.js'
import { jobs } from './peers.js'
import { within } from './scope.js'
import type { Settings } from './settings.js'
import { type Latency, latencyOf } from './statistics.js'

/** How many children live while another one is started. */
const LIVE = [1, 10, 100, 1_000]
/**
 * The number of children rises from few to many this many times, so that a slow change of the machine's speed cancels
 * out.
 */
const CLIMBS = 3
const SAMPLE_LIMIT_MS = 30_000

async function sampleOnce(server: ForkServer): Promise<number> {
  const before = process.hrtime.bigint()
  const child = new Process(jobs.now, [], { server })
  await child.start()
  const at = await child.result
  await child.join()
  const after = process.hrtime.bigint()
  // On Linux this is CLOCK_MONOTONIC, the same for all processes, unless they are in different time namespaces.
  if (at <= before || at >= after)
    throw new Error('The clocks of owner and child differ: the latency cannot be measured.')
  return Number(at - before) / 1e6
}

/** Latencies in milliseconds, one child at a time. */
export async function sampleLatencies(server: ForkServer, count: number): Promise<number[]> {
  const taken: number[] = []
  while (taken.length < count) taken.push(await within(SAMPLE_LIMIT_MS, 'A child', sampleOnce(server)))
  return taken
}

/** Latencies with more and more idle children alive. */
export async function sampleWithLive(
  server: ForkServer,
  { samples, live }: Settings,
  progress: (text: string) => void,
): Promise<({ live: number } & Latency)[]> {
  const levels = LIVE.filter((level) => level <= live).map((level) => ({ live: level, taken: [] as number[] }))
  for (let climb = 1; climb <= CLIMBS; climb++) {
    await using crowd = new Crowd(server)
    for (const level of levels) {
      progress(`climb ${climb} of ${CLIMBS}: ${level.live} live children`)
      await crowd.growTo(level.live)
      level.taken.push(...(await sampleLatencies(server, Math.ceil(samples / CLIMBS))))
    }
  }
  return levels.map((level) => ({ live: level.live, ...latencyOf(level.taken) }))
}
