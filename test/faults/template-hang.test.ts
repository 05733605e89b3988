// Runs in: the test runner. A template that hangs before its first JavaScript dies with its owner all the same.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { descendants, isAlive, until, watchLeaks } from '../support/leaks.js'
import { killIfAlive, runProgram } from './owner.js'

const FACE = fileURLToPath(import.meta.resolve('forkserver'))

let folder: string
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-test-'))
})
after(() => rmSync(folder, { recursive: true }))
watchLeaks()

// Node opens this file in C++, before there is JavaScript, and opening a pipe with a name waits for its other end.
test('its owner is killed by SIGKILL while Node itself waits', async () => {
  const fifo = path.join(folder, 'openssl.cnf')
  execFileSync('mkfifo', [fifo])
  const code = `
    import { ForkServer } from ${JSON.stringify(FACE)}
    const start = ForkServer.start({ execArgv: ['--openssl-config=${fifo}'] })
    console.log('started')
    await start`
  const owner = runProgram(process.execPath, ['--input-type=module', '-e', code])
  let template: number | undefined
  try {
    assert.equal(await owner.nextLine(), 'started', (await Promise.race([owner.ended, { stderr: '' }])).stderr)
    const found = (): string | undefined => descendants(owner.process.pid).find((line) => line.includes(fifo))
    assert.ok(await until(() => found() !== undefined), 'there is a template')
    template = Number.parseInt(found()!, 10)
    owner.process.kill('SIGKILL')
    await owner.ended
    assert.ok(await until(() => !isAlive(template!)), 'the template outlives its owner')
  } finally {
    killIfAlive(template)
    owner.process.kill('SIGKILL')
  }
})
