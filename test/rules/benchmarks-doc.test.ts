// Runs in: the test runner. docs/BENCHMARKS.md and its pictures are those that bench/results gives, and can be read on
// a light and on a dark page.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { chartsOf } from '../../bench/charts/charts.js'
import { draw } from '../../bench/charts/draw.js'
import { boxes } from '../../bench/charts/kinds.js'
import { DOCS, filesOf, readResults } from '../../bench/charts/page.js'
import type { Report } from '../../bench/report.js'
import { deviationOf, type Latency, latencyOf } from '../../bench/statistics.js'

/** The grounds of GitHub's light and dark pages. */
const GROUNDS = ['#ffffff', '#0d1117']
/** What WCAG asks of graphics and of large text. */
const MIN_CONTRAST = 3

const files = await filesOf(readResults())

test('docs/BENCHMARKS.md and its pictures are those of bench/results', () => {
  const pictures = readdirSync(path.join(DOCS, 'benchmarks')).map((name) => `benchmarks/${name}`)
  assert.deepEqual(['BENCHMARKS.md', ...pictures].sort(), [...files.keys()].sort())
  for (const [name, text] of files)
    assert.equal(readFileSync(path.join(DOCS, name), 'utf8'), text, `docs/${name}: npm run bench:report`)
})

/** The relative luminance of a colour, as WCAG 2 defines it. */
function luminance(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(color.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function contrast(one: string, other: string): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

test('every colour of a picture can be told from a white and from a black page', () => {
  assert.ok(Math.abs(contrast('#ffffff', '#000000') - 21) < 1e-9)
  for (const [name, text] of files) {
    if (!name.endsWith('.svg')) continue
    const colors = new Set([...text.matchAll(/(?:fill|stroke)="([^"]+)"/g)].map((match) => match[1]!))
    for (const none of ['none', 'transparent']) colors.delete(none)
    assert.ok(colors.size > 1, name)
    for (const color of colors) {
      assert.match(color, /^#[0-9a-f]{6}$/, name)
      for (const ground of GROUNDS) assert.ok(contrast(color, ground) >= MIN_CONTRAST, `${name}: ${color} on ${ground}`)
    }
  }
})

const report = (benchmark: string, results: object): Report =>
  ({ benchmark, machine: { node: 'v20.1.2' }, results }) as unknown as Report

test('a curve over the size of the template is drawn if there are results for it', () => {
  const byTemplate = [
    { templateMb: 60, ms: 3 },
    { templateMb: 500, ms: 9 },
  ]
  const charts = chartsOf([report('scaling', { byTemplate })])
  assert.deepEqual(
    charts.map(({ name }) => name),
    ['scaling'],
  )
  assert.deepEqual(chartsOf([report('of another name', {})]), [])
})

test('a latency is drawn as a box if its quartiles were saved', async () => {
  const taken = latencyOf([5, 1, 4, 2, 3])
  assert.deepEqual(taken, {
    samples: 5,
    lowestMs: 1,
    firstQuartileMs: 2,
    medianMs: 3,
    thirdQuartileMs: 4,
    p99Ms: 3.96 + 1,
    highestMs: 5,
  })
  const { samples, medianMs, p99Ms, highestMs } = taken
  const place = { name: 'a', panel: 'b', whose: 'forkserver' } as const
  const countBars = async (latency: Latency): Promise<number> =>
    [...(await draw(boxes([{ ...latency, ...place }], 'ms'))).matchAll(/<g class="mark-rect role-mark[^>]*>.*?<\/g>/gs)]
      .join('')
      .split('<path').length
  assert.equal((await countBars(taken)) - (await countBars({ samples, medianMs, p99Ms, highestMs })), 1)
})

test('a deviation is that of a sample', () => {
  assert.deepEqual(deviationOf([2, 4, 4, 4, 5, 5, 7, 9]), { mean: 5, deviation: Math.sqrt(32 / 7) })
  assert.deepEqual(deviationOf([3]), { mean: 3, deviation: 0 })
})
