// The pages. This module is loaded once, in the template; every request runs in a fork of it.
import { createElement as h } from 'react'
import { renderToString } from 'react-dom/server'

let rendered = 0 // state of the module: a request never sees what another request left here

const pages = {
  '/': () => h('h1', null, 'Welcome'),
  '/count': () => h('p', null, `This process has rendered ${++rendered} page.`),
  '/slow': () => {
    for (;;); // a bug: an endless loop
  },
  '/crash': () => process.kill(process.pid, 'SIGSEGV'), // as a broken native package would
}

export function render(path) {
  if (!Object.hasOwn(pages, path)) return { status: 404, html: 'Not found' }
  return { status: 200, html: `<!doctype html>${renderToString(h(pages[path]))}` }
}

/** Runs once in the template, so that every child gets code that is already compiled. */
export function warmup() {
  render('/')
}
