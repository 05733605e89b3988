// Runs in: the test runner. The runner of the jest that is installed.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { findJestRunner } from '#src/jest/jest-modules.js'
import { FakeJest } from './configurations.js'

const jest = new FakeJest()

test('is found from the folder of the project, and from one inside', () => {
  for (const folder of [jest.folder, path.join(jest.folder, 'packages', 'a')]) {
    const { Runner, file, workerFile, version } = findJestRunner(folder)
    assert.equal(Runner.name, 'Runner')
    assert.equal(file, path.join(jest.folder, 'node_modules', 'jest-runner', 'index.js'))
    assert.equal(workerFile, jest.workerFile)
    assert.equal(version, '30.0.0')
  }
})

test('an error says what to install', () => {
  const empty = mkdtempSync(path.join(os.tmpdir(), 'forkserver-no-jest-'))
  try {
    assert.throws(() => findJestRunner(empty), { code: 'ERR_UNSUPPORTED', message: /npm install -D jest@30/ })
  } finally {
    rmSync(empty, { recursive: true })
  }
})
