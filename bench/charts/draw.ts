// Runs in: a tool process. Draws a chart by Vega, as the text of an SVG. No browser is needed.
import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'

export async function draw(spec: TopLevelSpec): Promise<string> {
  const view = new View(parse(compile(spec).spec), { renderer: 'none' })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}
