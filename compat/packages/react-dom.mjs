// Runs in: plain node, the template, a child. react-dom renders on the server, in one go and as a stream.

import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'

export const load = async () => ({ react: await import('react'), dom: await import('react-dom/server') })
export const use = async ({ react: { createElement }, dom: { renderToPipeableStream, renderToString } }) => {
  const page = (name) => createElement('p', { title: name }, `hello ${name}`)
  const out = new PassThrough()
  const { pipe } = renderToPipeableStream(page('stream'), { onAllReady: () => pipe(out) })
  return renderToString(page('string')) + (await text(out))
}
