// Runs in: owner. A race: competitors take turns in rounds, so that a disturbance of the machine affects all of them.
// Ratios are computed within a round, then their median is taken. That is steadier than a ratio of median rates.
import { within } from './scope.js'
import { type Spread, spreadOf } from './statistics.js'

/** How many processes each competitor runs at a time. */
export const AT_A_TIME = 2

/** After its slice, a competitor has this many milliseconds to finish what it has begun. */
const GRACE_MS = 30_000

/** What a competitor did in its turn. */
export interface Slice {
  processes: number
  ms: number
}

export interface Contender {
  readonly name: string
  /** Starts processes for `ms` milliseconds, two at a time, and waits for their ends. */
  race(ms: number): Promise<Slice>
}

export interface Rates {
  name: string
  processes: number
  perSecond: Spread
  perRound: number[]
}

/** Two lanes, each of which does one thing after the other. */
export async function lanes(ms: number, one: () => Promise<void>): Promise<Slice> {
  const start = performance.now()
  let processes = 0
  const lane = async (): Promise<void> => {
    while (performance.now() - start < ms) {
      await one()
      processes++
    }
  }
  await Promise.all(Array.from({ length: AT_A_TIME }, lane))
  return { processes, ms: performance.now() - start }
}

async function takeTurn(contender: Contender, ms: number): Promise<Slice> {
  const slice = await within(ms + GRACE_MS, contender.name, contender.race(ms))
  if (slice.processes < 1) throw new Error(`${contender.name} started no process in ${ms} ms.`)
  return slice
}

/** @returns the rates, in the order of the competitors */
export async function race(
  contenders: readonly Contender[],
  { rounds, sliceMs, progress }: { rounds: number; sliceMs: number; progress: (text: string) => void },
): Promise<Rates[]> {
  const slices = contenders.map((): Slice[] => [])
  // Not measured: this compiles the owner's code, and starts the fork server of Python.
  for (const contender of contenders) await takeTurn(contender, sliceMs / 4)
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      // Each round begins with another competitor, and every second round runs in reverse, so that none always follows
      // the same one.
      const step = round % 2 === 0 ? turn : contenders.length - turn
      const index = (round + step) % contenders.length
      progress(`round ${round + 1} of ${rounds}: ${contenders[index]!.name}`)
      slices[index]!.push(await takeTurn(contenders[index]!, sliceMs))
    }
  }
  return contenders.map(({ name }, index) => {
    const perRound = slices[index]!.map(({ processes, ms }) => (processes / ms) * 1000)
    const processes = slices[index]!.reduce((sum, slice) => sum + slice.processes, 0)
    return { name, processes, perSecond: spreadOf(perRound), perRound }
  })
}

/** How many times as fast one is as the other, round by round. */
export function ratio(one: Rates, other: Rates): Spread {
  return spreadOf(one.perRound.map((rate, round) => rate / other.perRound[round]!))
}
