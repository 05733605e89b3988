// Runs in: by hand, after `npm run build`. Lets every Python that it finds pickle the values of
// test/connection/pickle/cases.ts in every protocol, and writes the results to test/connection/pickle/vectors.jsonl:
// node scripts/pickle-vectors.mjs
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CASES, REFUSED } from '../build/test/connection/pickle/cases.js'
import { ask } from '../build/test/connection/pickle/peer.js'
import { findPythons } from '../build/test/support/pythons.js'

const file = path.join(
  path.dirname(path.dirname(fileURLToPath(import.meta.url))),
  'test',
  'connection',
  'pickle',
  'vectors.jsonl',
)
const expressions = [...CASES.map(({ python }) => python), ...REFUSED.map(([python]) => python)]
const pythons = findPythons()
/** For each expression and protocol, the different pickles, each with the Python versions that wrote it. */
const vectors = new Map(expressions.map((expression) => [expression, new Map()]))

for (const python of pythons) {
  for (const [index, pickles] of ask(python, 'dump', expressions).entries()) {
    for (const [protocol, hex] of pickles ?? []) {
      const found = vectors.get(expressions[index])
      const key = `${protocol} ${hex}`
      found.set(key, [...(found.get(key) ?? []), python.version])
    }
  }
}

const lines = [...vectors].flatMap(([python, found]) =>
  [...found].sort().map(([key, versions]) => {
    const [protocol, hex] = key.split(' ')
    return JSON.stringify({ python, protocol: Number(protocol), by: versions.join(' '), hex })
  }),
)
writeFileSync(file, `${lines.join('\n')}\n`)
console.log(`${pythons.map(({ version }) => version).join(', ')}: ${path.relative(process.cwd(), file)}`)
