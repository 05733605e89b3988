// Runs in: a tool process. Draws a chart by Vega, as the text of an SVG. No browser is needed.
import * as vega from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

/** Vega exports it, but does not declare it. */
type Measures = { textMetrics: { width: (item: { fontSize: number }, text: unknown) => number } }

// Vega asks a canvas how wide a text is, or else guesses far too much. This guess fits the usual fonts, and is the same
// on every machine.
const CHARACTER_WIDTH = 0.56
;(vega as unknown as Measures).textMetrics.width = ({ fontSize }, text) =>
  String(text).length * fontSize * CHARACTER_WIDTH

export async function draw(spec: TopLevelSpec): Promise<string> {
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}
