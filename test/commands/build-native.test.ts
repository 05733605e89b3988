// Runs in: the test runner. A clone builds its own addon. If it cannot, the build succeeds all the same, says why, and
// leaves what was there.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { promisify } from 'node:util'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const run = promisify(execFile)

const skip = process.platform !== 'linux' && 'there is no addon on this system'

describe('the build of a clone', { skip }, () => {
  let clone: string
  const library = (name: string): string => path.join(clone, 'native', 'build', `linux-${process.arch}${name}`)
  before(() => {
    clone = mkdtempSync(path.join(os.tmpdir(), 'forkserver-clone-'))
    const generated = ['build', 'prebuilds'].map((folder) => path.join(ROOT, 'native', folder))
    for (const folder of ['native', 'scripts'])
      cpSync(path.join(ROOT, folder), path.join(clone, folder), {
        recursive: true,
        filter: (file) => !generated.includes(file),
      })
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(clone, 'node_modules'))
  })
  beforeEach(() => rmSync(path.join(clone, 'native', 'build'), { recursive: true, force: true }))
  after(() => rmSync(clone, { recursive: true }))

  /** Runs the build, which must succeed, with a compiler that runs these commands. Returns what it prints. */
  async function build({ compiler, commands, ci }: { compiler?: string; commands?: string; ci?: boolean }) {
    const env: NodeJS.ProcessEnv = { ...process.env, CC: compiler }
    delete env.CI
    if (ci) env.CI = '1'
    if (commands !== undefined) {
      env.CC = path.join(clone, 'compiler')
      writeFileSync(env.CC, `#!/bin/sh\n${commands}\n`, { mode: 0o755 })
    }
    const { stdout, stderr } = await run(process.execPath, [path.join(clone, 'scripts', 'build-native.mjs')], { env })
    assert.equal(stdout, '')
    return stderr
  }

  test('without a compiler says why the start method is spawn, and what to do', async () => {
    const told = await build({ compiler: '/nowhere/cc' })
    assert.match(
      told,
      /^forkserver: the start method is spawn\. The C compiler \/nowhere\/cc did not run \(.*ENOENT\)\./,
    )
    assert.match(told, /To fork, install a C compiler \(gcc\) and run npm run build\.\n$/)
  })

  test('with a compiler that fails shows its last lines', async () => {
    const told = await build({ commands: 'seq 100 >&2; exit 3' })
    assert.match(told, /failed \(exit code 3\):\n86\n87\n(?:\d+\n)*100\nTo fork, /)
  })

  test('with a compiler that was killed names the signal', async () => {
    assert.match(await build({ commands: 'kill -KILL $$' }), /failed \(SIGKILL\):/)
  })

  test('with a compiler that works makes both libraries, and nothing else; a second run makes nothing', async () => {
    assert.equal(await build({}), '')
    assert.deepEqual(readdirSync(path.join(clone, 'native', 'build')).length, 2)
    assert.ok(existsSync(library('.node')) && existsSync(library('-preload.so')))
    assert.equal(await build({ compiler: '/nowhere/cc' }), '')
  })

  test('with changed sources makes them again, and keeps the old ones if that fails', async () => {
    await build({})
    const header = path.join(clone, 'native', 'fork', 'fork.h')
    const old = readFileSync(library('.node'))
    writeFileSync(header, `${readFileSync(header, 'utf8')}\n// changed\n`)
    assert.match(await build({ commands: 'exit 1' }), /exit code 1/)
    assert.ok(readFileSync(library('.node')).equals(old))
    assert.equal(await build({}), '')
    assert.ok(!readFileSync(library('.node')).equals(old))
  })

  test('treats warnings as errors in CI only', async () => {
    const commands = 'case "$*" in *-Werror*) exit 9;; esac; exit 8'
    assert.match(await build({ commands }), /exit code 8/)
    assert.match(await build({ commands, ci: true }), /exit code 9/)
  })
})
