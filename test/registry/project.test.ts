// Runs in: the test runner. Where what was learnt is kept.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { Project } from '#src/registry/project.js'

let folder = ''
const inside = (...names: string[]): string => path.join(folder, ...names)
beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-project-')))
  for (const name of ['node_modules', 'packages/a', 'packages/b']) mkdirSync(inside(name), { recursive: true })
  writeFileSync(inside('package-lock.json'), '{}')
})
afterEach(() => rmSync(folder, { recursive: true }))

test('packages under one lock file keep a text each, under one name', () => {
  const [root, a, b] = [folder, inside('packages', 'a'), inside('packages', 'b')].map((from) => new Project(from))
  for (const project of [root!, a!, b!]) assert.equal(project.folder, folder)
  root!.write('list.json', 'root')
  a!.write('list.json', 'a')
  assert.deepEqual([root!.read('list.json'), a!.read('list.json'), b!.read('list.json')], ['root', 'a', undefined])
  assert.equal(new Project(inside('packages', 'a')).read('list.json'), 'a')
  const names = readdirSync(inside('node_modules', '.cache', 'forkserver')).sort()
  assert.equal(names.length, 2)
  for (const name of names) assert.match(name, /^([0-9a-f]{8}-)?list\.json$/)
})

test('a text that cannot be kept is dropped, whatever stands in its way', () => {
  writeFileSync(inside('node_modules', '.cache'), 'a file')
  const project = new Project(folder)
  project.write('list.json', 'text')
  assert.equal(project.read('list.json'), undefined)
})
