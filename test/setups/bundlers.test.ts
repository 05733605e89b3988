// Runs in: the test runner. Programs that a bundler made one file of. esbuild stands for them all.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { type BuildOptions, build, stop } from 'esbuild'
import { watchLeaks } from '../support/leaks.js'
import { ROOT, runSetup } from './owner.js'

watchLeaks()

const folder = mkdtempSync(path.join(ROOT, 'build', 'bundle-'))
after(() => rmSync(folder, { recursive: true, force: true }))
mkdirSync(path.join(folder, 'node_modules'))
symlinkSync(ROOT, path.join(folder, 'node_modules', 'forkserver'))
writeFileSync(path.join(folder, 'jobs.mjs'), 'export const add = (a, b) => a + b\n')
writeFileSync(
  path.join(folder, 'app.mjs'),
  `import { ForkServer, Process, remote } from 'forkserver'
   async function run() {
     const jobs = remote(process.env.JOBS)
     const server = await ForkServer.start({ preload: [jobs.module] })
     const p = await new Process(jobs.add, [1, 2], { server }).start()
     const result = await p.result
     await server.close()
     return { startMethod: server.startMethod, result }
   }
   run().catch(({ code, message }) => ({ code, message })).then((told) => console.log(JSON.stringify(told)))\n`,
)

interface Told {
  startMethod?: string
  result?: number
  code?: string
  message?: string
}

async function bundleAndRun(options: BuildOptions, jobs = 'jobs.mjs'): Promise<Told> {
  const outfile = path.join(folder, 'out', options.format === 'cjs' ? 'app.cjs' : 'app.mjs')
  const entryPoints = [path.join(folder, 'app.mjs')]
  await build({
    entryPoints,
    outfile,
    bundle: true,
    platform: 'node',
    logLevel: 'error',
    logOverride: QUIET,
    ...options,
  })
  await stop() // its process
  return runSetup([outfile], { env: { JOBS: path.join(folder, jobs) } })
}

/** import.meta is empty in CommonJS: that is what is tried. */
const QUIET = { 'empty-import-meta': 'silent' } as const

for (const format of ['esm', 'cjs'] as const) {
  describe(`a bundle of the format ${format}`, () => {
    test('works if forkserver is external', {
      skip: format === 'cjs' && !process.features.require_module,
    }, async () => {
      const told = await bundleAndRun({ format, external: ['forkserver'] })
      assert.deepEqual(told, { startMethod: 'forkserver', result: 3 })
    })

    test('that holds forkserver says so, and what to do', async () => {
      const { code, message } = await bundleAndRun({ format })
      assert.equal(code, 'ERR_UNSUPPORTED')
      assert.match(message!, /bundled.*external/)
    })
  })
}
