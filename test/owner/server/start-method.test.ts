// Runs in: the test runner. Which start method an owner chooses, and what it says of that.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findRefusedFlag } from '#src/owner/server/start-method.js'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const FACE = fileURLToPath(import.meta.resolve('forkserver'))
const skip = 'missing' in findNative() && 'without the addon there is no template'

/** Runs a program that does `first`, starts a server, and prints its start method or its error. */
async function started(first: string): Promise<{ told: string; stderr: string }> {
  const code = `
    ${first}
    const { ForkServer } = await import(${JSON.stringify(FACE)})
    const server = await ForkServer.start().catch((error) => error)
    console.log(server.startMethod ?? server.code + ' ' + server.message)
    await server.close?.()`
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
  return { told: stdout.trim(), stderr }
}

describe('a major of Node that was not tested', () => {
  test('is told once, and the trial fork decides', { skip }, async () => {
    const version = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '27.1.0' } })"
    const { told, stderr } = await started(version)
    assert.equal(told, 'forkserver')
    assert.equal(stderr.match(/FORKSERVER_UNTESTED_NODE/g)?.length, 1)
    assert.match(stderr, /tested with Node 20, 22, 24, 26/)
  })

  test('those that were tested say nothing', { skip }, async () => {
    assert.deepEqual(await started(''), { told: 'forkserver', stderr: '' })
  })
})

describe('a working directory that was deleted', () => {
  test('fails the start, and the error says what to do', async () => {
    const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), 'forkserver-gone-'))
    const leave = `process.chdir(${JSON.stringify(folder)}); (await import('node:fs')).rmdirSync(process.cwd())`
    try {
      const { told } = await started(leave)
      assert.match(told, /^ERR_INVALID_STATE The working directory of this process was deleted\. .*process\.chdir\(\)/)
    } finally {
      try {
        rmdirSync(folder)
      } catch {} // the program removed it
    }
  })
})

describe('flags of Node', () => {
  for (const flag of [
    '--inspect',
    '--inspect-brk=0',
    '--cpu-prof',
    '--prof',
    '--watch',
    '--test',
    '--eval=1',
    '-e',
    '-c',
    '--run=x',
  ])
    test(`${flag} is refused, wherever it stands`, () => {
      assert.equal(findRefusedFlag(['--no-warnings', flag], {}), flag)
      assert.equal(findRefusedFlag([], { NODE_OPTIONS: `--no-warnings ${flag}` }), flag)
    })

  for (const flag of [
    '--test-reporter=spec',
    '--import',
    '-r',
    '--enable-source-maps',
    '--max-old-space-size=100',
    '--profile',
  ])
    test(`${flag} is not`, () => {
      assert.equal(findRefusedFlag([flag], {}), undefined)
    })
})
