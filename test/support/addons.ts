// Runs in: the test runner. Addons that a test compiles from test/fixtures/addons.
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { promisify } from 'node:util'

const require = createRequire(import.meta.url)
const ROOT = path.dirname(require.resolve('forkserver/package.json'))

/** Compiles an addon into a temporary folder, which is removed after the tests of the file. Returns its path. */
export async function compileAddon(name: string): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'forkserver-'))
  after(() => rm(folder, { recursive: true }))
  const addon = path.join(folder, `${name}.node`)
  const headers = (require('node-api-headers') as { include_dir: string }).include_dir
  const source = path.join(ROOT, 'test/fixtures/addons', `${name}.c`)
  const flags = ['-shared', '-fPIC', '-pthread', `-I${headers}`]
  await promisify(execFile)(process.env.CC || 'cc', [...flags, source, '-o', addon])
  return addon
}
