// Runs in: the test runner. Which start method an owner chooses, and what it says of that.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, realpathSync, rmdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../../support/leaks.js'

watchLeaks()

const FACE = fileURLToPath(import.meta.resolve('forkserver'))
const skip = 'missing' in findNative() && 'without the addon there is no template'

/** Runs a program that does `first`, starts a server, and prints its start method or its error. */
async function started(first: string, options = '{}'): Promise<{ told: string; stderr: string }> {
  const code = `
    ${first}
    const { ForkServer } = await import(${JSON.stringify(FACE)})
    const server = await ForkServer.start(${options}).catch((error) => error)
    console.log(server.startMethod ?? server.code + ' ' + server.message)
    await server.close?.()`
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', code])
  return { told: stdout.trim(), stderr }
}

describe('a processor on which children hung', { skip }, () => {
  // The addon is found first, because there is none for a processor that this one only claims to be.
  const native = JSON.stringify(import.meta.resolve('#src/platform/native.js'))
  const claim = `(await import(${native})).findNative(); Object.defineProperty(process, 'arch', { value: 'arm64' })`

  test('spawns, and the warning says how to fork', async () => {
    const { told, stderr } = await started(claim)
    assert.equal(told, 'spawn')
    assert.match(stderr, /arm64 is experimental.*startMethod: 'forkserver' forks all the same/)
  })

  test('forks if it is asked to', async () => {
    assert.deepEqual(await started(claim, "{ startMethod: 'forkserver' }"), { told: 'forkserver', stderr: '' })
  })
})

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

describe('a system on which Node is not forked', () => {
  // The beginning of a program for musl, as c-library.ts reads it.
  const MUSL = `
    const fs = process.getBuiltinModule('node:fs')
    const { readSync } = fs
    fs.readSync = (fd, bytes, ...rest) => {
      if (bytes.length !== 4096) return readSync(fd, bytes, ...rest)
      const linker = '/lib/ld-musl-x86_64.so.1'
      bytes.write('\\x7fELF\\x02', 'latin1')
      bytes[0x20] = 64 // the table
      bytes[0x36] = 56
      bytes[0x38] = 1
      bytes[64] = 3 // the linker's name
      bytes[64 + 8] = 120
      bytes[64 + 32] = linker.length + 1
      bytes.write(linker, 120, 'latin1')
      return bytes.length
    }
    process.getBuiltinModule('node:module').syncBuiltinESMExports()`
  const onPlatform = (name: string): string => `Object.defineProperty(process, 'platform', { value: '${name}' })`
  const systems = [
    { name: 'macOS', first: onPlatform('darwin'), reason: 'Node can be forked on Linux only, and this is darwin' },
    { name: 'Windows', first: onPlatform('win32'), reason: 'Node can be forked on Linux only, and this is win32' },
    {
      name: 'a processor without libraries',
      first: "Object.defineProperty(process, 'arch', { value: 'riscv64' })",
      reason: 'there is no addon for linux-riscv64 in ',
      skip: process.platform !== 'linux',
    },
    { name: 'musl', first: MUSL, reason: 'this Node was built for musl', skip: process.platform !== 'linux' },
  ]
  for (const { name, first, reason, skip = false } of systems) {
    test(`${name}: processes are spawned, and one warning says why`, { skip }, async () => {
      const { told, stderr } = await started(first)
      assert.equal(told, 'spawn')
      assert.equal(stderr.match(/Warning:/g)?.length, 1, stderr)
      assert.ok(stderr.includes('FORKSERVER_SPAWN') && stderr.includes(reason), stderr)
    })
  }
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
