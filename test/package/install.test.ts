// Runs in: the test runner. An empty project installs the packed package, with each Node and package manager, with its
// scripts and without, and runs README's example in forked processes.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { readmeExample } from './readme-example.js'
import { install, MAJORS, newProject, nodeOf, PACKAGE_MANAGERS, type Packed, pack, run } from './tarball.js'

watchLeaks()

const example = readmeExample()

/** Preloads a package of ES modules and one of CommonJS, by name, and says what is seen. */
const LOOK = `
import { createRequire } from 'node:module'
import { ForkServer, Process, remote } from 'forkserver'
const server = await ForkServer.start({ preload: ['an-es-package', 'a-commonjs-package'] })
const p = await new Process(remote('a-commonjs-package').double, [21], { server }).start()
const required = createRequire(import.meta.url)('forkserver')
const told = { startMethod: server.startMethod, result: await p.result, isOne: required.ForkServer === ForkServer }
console.log(JSON.stringify(told))
await server.close()
`

const PACKAGES = {
  'a-commonjs-package': { manifest: { main: './main.js' }, code: 'exports.double = (number) => 2 * number\n' },
  'an-es-package': { manifest: { type: 'module', exports: './main.js' }, code: 'export default 1\n' },
}

function addPackages(project: string): void {
  for (const [name, { manifest, code }] of Object.entries(PACKAGES)) {
    const folder = path.join(project, 'node_modules', name)
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, ...manifest }))
    writeFileSync(path.join(folder, 'main.js'), code)
  }
}

let packed: Packed
before(async () => {
  packed = await pack()
})

test("README's command installs this package", () => {
  assert.match(example.install, /^npm install forkserver$/m)
})

for (const major of MAJORS) {
  describe(`Node ${major}`, { concurrency: 2 }, () => {
    for (const manager of PACKAGE_MANAGERS) {
      for (const ignoresScripts of [false, true]) {
        test(`${manager}${ignoresScripts ? ', without scripts' : ''}`, async () => {
          const node = await nodeOf(major)
          const project = newProject({ ...example.files, 'look.mjs': LOOK })
          await install(project, packed.tarball, { node, manager, ignoresScripts })
          const shown = await run(node, [example.main], { cwd: project })
          assert.deepEqual(shown, { stdout: example.output, stderr: '' })
          addPackages(project)
          const { stdout, stderr } = await run(node, ['look.mjs'], { cwd: project })
          assert.equal(stderr, '')
          assert.deepEqual(JSON.parse(stdout), { startMethod: 'forkserver', result: 42, isOne: true })
        })
      }
    }

    test('without the native libraries the example prints the same, and one warning says why it spawns', async () => {
      const node = await nodeOf(major)
      const project = newProject(example.files)
      await install(project, packed.tarball, { node, manager: 'npm', ignoresScripts: true })
      rmSync(path.join(project, 'node_modules', 'forkserver', 'native'), { recursive: true })
      const { stdout, stderr } = await run(node, [example.main], { cwd: project })
      assert.equal(stdout, example.output)
      assert.equal(stderr.match(/FORKSERVER_SPAWN/g)?.length, 1, stderr)
      assert.match(stderr, /there is no addon for linux-/)
      assert.equal(stderr.match(/Warning:/g)?.length, 1, stderr)
    })
  })
}
