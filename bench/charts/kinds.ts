// Runs in: a tool process. The kinds of charts: bars, curves, and boxes for latencies, as specifications of Vega-Lite.
// Pure.
import type { TopLevelSpec } from 'vega-lite'
import { short } from '../report.js'
import type { Deviation, Latency, Spread } from '../statistics.js'
import { COLORS, LINE_COLORS, LOOK, type Whose } from './look.js'

const PANEL_WIDTH = 190
const BAR_HEIGHT = 18
const CURVE_SIZE = { width: 440, height: 220 }

export interface Bar {
  name: string
  /** The panel that the bar is in. */
  panel: string
  whose: Whose
  value: number
  spread?: Spread
}

export interface Point {
  /** The curve that the point belongs to. */
  curve: string
  x: number
  y: number
  /** A band around the curve. */
  low?: number
  high?: number
}

export interface Timed extends Latency {
  name: string
  panel: string
  whose: Whose
}

/** Few numbers on an axis, and each as short as it can be: 0, 500, 1k. */
const NUMBERS = { tickCount: 4, labelExpr: "format(datum.value, datum.value < 1e3 ? '.3~g' : '~s')" }

/** A number with two or three significant digits: 0.37, 348, 12.1k, 1.06M. */
function compact(value: number): string {
  if (value >= 1e6) return `${short(value / 1e6)}M`
  return value >= 1e4 ? `${short(value / 1e3)}k` : short(value)
}

const isLong = (name: string): boolean => name.length > 20

const inOrder = (values: readonly string[]): string[] => [...new Set(values)]

function colorsOf(rows: readonly { whose: Whose }[]): object {
  const domain = (Object.keys(COLORS) as Whose[]).filter((whose) => rows.some((row) => row.whose === whose))
  return { field: 'whose', type: 'nominal', scale: { domain, range: domain.map((whose) => COLORS[whose]) } }
}

const yNames = (rows: readonly { name: string }[]): object => ({
  field: 'name',
  type: 'nominal',
  sort: inOrder(rows.map(({ name }) => name)),
  title: null,
})

const panels = (rows: readonly { panel: string }[]): object => ({
  field: 'panel',
  type: 'nominal',
  sort: inOrder(rows.map(({ panel }) => panel)),
  title: null,
})

/** What many figures share: a transparent ground and the colours of the text. */
const spec = (parts: object): TopLevelSpec => ({ config: LOOK, ...parts }) as TopLevelSpec

/** A bar for each figure, with its lowest and highest value as a thin line, and its number at the end. */
export function bars(rows: readonly Bar[], title: string, { columns = 2, sharesX = true } = {}): TopLevelSpec {
  const values = rows.map(({ spread, value, ...row }) => ({
    ...row,
    value,
    low: spread?.lowest,
    high: spread?.highest,
    end: spread?.highest ?? value,
    label: compact(value),
  }))
  const y = yNames(rows)
  return spec({
    data: { values },
    facet: panels(rows),
    columns,
    ...(!sharesX && { resolve: { scale: { x: 'independent' } } }),
    spec: {
      width: PANEL_WIDTH,
      height: { step: BAR_HEIGHT },
      layer: [
        {
          mark: { type: 'bar', height: { band: 0.7 } },
          encoding: {
            y,
            x: { field: 'value', type: 'quantitative', title, axis: NUMBERS },
            color: colorsOf(rows),
          },
        },
        {
          transform: [{ filter: 'isValid(datum.low)' }],
          mark: { type: 'rule', strokeWidth: 1.2 },
          encoding: { y, x: { field: 'low', type: 'quantitative' }, x2: { field: 'high' } },
        },
        {
          mark: { type: 'text', align: 'left', dx: 4 },
          encoding: { y, x: { field: 'end', type: 'quantitative' }, text: { field: 'label' } },
        },
      ],
    },
  })
}

/** A curve for each Node or candidate, over the measured values: on a logarithmic axis, unless one of them is 0. */
export function curves(points: readonly Point[], xTitle: string, yTitle: string): TopLevelSpec {
  const names = inOrder(points.map(({ curve }) => curve))
  const x = {
    field: 'x',
    type: 'quantitative',
    title: xTitle,
    scale: { type: points.some(({ x }) => x === 0) ? 'linear' : 'log', nice: false },
    axis: { values: [...new Set(points.map(({ x }) => x))], grid: false, format: 'd' },
  }
  const legend = { symbolOpacity: 1, symbolType: 'circle', columns: names.some(isLong) ? 1 : names.length }
  const color = { field: 'curve', type: 'nominal', scale: { domain: names, range: LINE_COLORS }, legend }
  const y = { type: 'quantitative', title: yTitle, scale: { zero: true } }
  return spec({
    ...CURVE_SIZE,
    data: { values: points },
    layer: [
      {
        transform: [{ filter: 'isValid(datum.low)' }],
        mark: { type: 'area', opacity: 0.15 },
        encoding: { x, y: { field: 'low', ...y }, y2: { field: 'high' }, color },
      },
      {
        mark: { type: 'line', point: true, strokeWidth: 2 },
        encoding: { x, y: { field: 'y', ...y }, color },
      },
    ],
  })
}

export function bandOf({ mean, deviation }: Deviation): { y: number; low: number; high: number } {
  return { y: mean, low: Math.max(0, mean - deviation), high: mean + deviation }
}

/**
 * A box for each latency: from the first to the third quartile if the results hold them, with a line from the lowest to
 * the 99th percentile, and a tick at the median. Without quartiles, the line begins at the median.
 */
export function boxes(rows: readonly Timed[], title: string, { columns = 2 } = {}): TopLevelSpec {
  const values = rows.map((row) => ({
    ...row,
    from: row.lowestMs ?? row.medianMs,
    label: compact(row.medianMs),
  }))
  const y = yNames(rows)
  const color = colorsOf(rows)
  return spec({
    data: { values },
    facet: panels(rows),
    columns,
    spec: {
      width: PANEL_WIDTH,
      height: { step: BAR_HEIGHT + 8 },
      layer: [
        {
          mark: { type: 'rule', strokeWidth: 1.5 },
          encoding: {
            y,
            x: { field: 'from', type: 'quantitative', title, axis: NUMBERS },
            x2: { field: 'p99Ms' },
            color,
          },
        },
        {
          transform: [{ filter: 'isValid(datum.firstQuartileMs)' }],
          mark: { type: 'bar', height: { band: 0.4 }, opacity: 0.6 },
          encoding: {
            y,
            x: { field: 'firstQuartileMs', type: 'quantitative' },
            x2: { field: 'thirdQuartileMs' },
            color,
          },
        },
        {
          mark: { type: 'tick', thickness: 2.5, size: 12, opacity: 1 },
          encoding: { y, x: { field: 'medianMs', type: 'quantitative' }, color },
        },
        {
          mark: { type: 'text', dy: -11 },
          encoding: { y, x: { field: 'medianMs', type: 'quantitative' }, text: { field: 'label' } },
        },
      ],
    },
  })
}
