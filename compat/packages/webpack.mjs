// Runs in: plain node, the template, a child. webpack bundles.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export const load = () => import('webpack')
export const use = async ({ default: webpack }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'compat-'))
  try {
    writeFileSync(path.join(folder, 'a.js'), 'import { b } from "./b.js"; console.log(b)')
    writeFileSync(path.join(folder, 'b.js'), 'export const b = 1')
    const output = { path: folder, filename: 'out.js' }
    const compiler = webpack({ mode: 'production', context: folder, entry: './a.js', output })
    await new Promise((resolve, reject) => compiler.run((error, stats) => (error ? reject(error) : resolve(stats))))
    await new Promise((resolve) => compiler.close(resolve))
    return readFileSync(path.join(folder, 'out.js'), 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}
