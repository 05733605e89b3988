// Runs in: a tool process. How the charts look: on a transparent ground, in colours that can be read on white and on
// black. Pure.
import type { Config } from 'vega-lite'

/** Whose figure a mark shows. */
export type Whose = 'forkserver' | 'Node' | 'other pools' | 'CPython' | 'C'

export const COLORS: Record<Whose, string> = {
  forkserver: '#2f81f7',
  Node: '#d0603f',
  'other pools': '#a371f7',
  CPython: '#b08000',
  C: '#3f9142',
}

/** For lines, one for each Node major or candidate. */
export const LINE_COLORS = ['#2f81f7', '#b08000', '#3f9142', '#a371f7']

const TEXT = '#797979'

export const LOOK: Config = {
  background: 'transparent',
  font: 'system-ui, sans-serif',
  aria: false, // the page describes the picture
  padding: 8,
  view: { stroke: null },
  axis: {
    labelColor: TEXT,
    titleColor: TEXT,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 'normal',
    labelLimit: 500,
    domainColor: TEXT,
    tickColor: TEXT,
    gridColor: TEXT,
    gridOpacity: 0.25,
  },
  axisY: { domain: false, ticks: false, labelPadding: 6 },
  header: { labelColor: TEXT, titleColor: TEXT, labelFontSize: 12, labelFontWeight: 'bold' },
  legend: { labelColor: TEXT, titleColor: TEXT, labelFontSize: 11, orient: 'bottom', title: null, labelLimit: 500 },
  text: { color: TEXT, fontSize: 10 },
  rule: { color: TEXT },
  tick: { color: TEXT },
}
