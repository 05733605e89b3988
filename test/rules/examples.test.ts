// Runs in: the test runner. Every example is complete, and what npm installs for it does not depend on a registry's
// address.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, read } from './sources.js'

interface Manifest {
  private: boolean
  scripts: Record<string, string>
  dependencies: Record<string, string>
}

const names = readdirSync(new URL('../../../examples/', import.meta.url), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
const at = (name: string, file: string): string => path.join('examples', name, file)

for (const name of names) {
  test(`examples/${name} has a command, a test and a lock file, and uses this project`, () => {
    const { private: isPrivate, scripts, dependencies } = JSON.parse(read(at(name, 'package.json'))) as Manifest
    assert.equal(isPrivate, true)
    assert.deepEqual(Object.keys(scripts), ['start', 'test'])
    assert.equal(dependencies.forkserver, 'file:../..')
    assert.ok(listFiles(path.join('examples', name), /\.test\.[jt]s$/).length > 0)
    const { packages } = JSON.parse(read(at(name, 'package-lock.json'))) as { packages: Record<string, object> }
    for (const [place, entry] of Object.entries(packages)) {
      if ('resolved' in entry) assert.equal(entry.resolved, '../..', place)
    }
  })

  test(`examples/README.md names ${name}`, () => {
    assert.ok(read('examples/README.md').includes(`(${name}/)`))
  })
}
