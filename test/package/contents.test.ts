// Runs in: the test runner. What is in the packed package, and what the tools for packages say of it.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { linksOf } from '../rules/pages.js'
import { newFolder, type Packed, pack, ROOT, run } from './tarball.js'

const MOST_BYTES = 500_000

/** How forkserver is made, and what was measured. They are in the repository only. */
const PAGES_OF_THE_PROJECT = [
  ...['ARCHITECTURE', 'BENCHMARKS', 'COMPATIBILITY', 'CONFORMANCE', 'FORK_SAFETY', 'MIGRATING', 'PERFORMANCE'],
  'PROTOCOL',
]

/** Most declarations of these folders are left out: no public face leads to them. */
const UNDECLARED = [
  ...['bullmq/child', 'child', 'child/worker', 'connection', 'connection/pickle', 'doctor', 'jest/child', 'main'],
  ...['owner/diagnostics', 'owner/drop-in', 'owner/launch', 'owner/pool', 'owner/process', 'owner/server'],
  ...['jest', 'promises', 'registry', 'platform', 'wire', 'wire/values', 'wire/worker', 'template'],
  ...['vitest', 'vitest/child', 'vitest/template', 'worker-channel'],
]

/** These single ones, too. */
const LEFT_OUT = ['owner/naming/reference-check', 'wire/auth/admission']

/** These it leads to. */
const DECLARED = [
  ...['wire/control-messages', 'wire/job', 'wire/refusal-reasons', 'wire/startup'],
  ...['platform/native'],
  ...['messages', 'sandboxed-job', 'worker-line'].map((name) => `bullmq/child/${name}`),
  ...['address', 'authentication', 'codecs', 'connect', 'connection-options', 'connection', 'inbox', 'index'].map(
    (name) => `connection/${name}`,
  ),
  ...['listener-events', 'listener', 'pipe', 'transport', 'wait'].map((name) => `connection/${name}`),
  ...['connection/pickle/pickle', 'connection/pickle/types', 'jest/child/jest-types'],
  ...['owner/diagnostics/events', 'wire/values/thrown'],
  ...['chunk', 'input-reader', 'pool-events', 'pool-options', 'pool-stats', 'pool'].map((name) => `owner/pool/${name}`),
  ...['owner/drop-in/fork', 'owner/launch/exit', 'owner/launch/launcher'],
  ...['messages-of-worker', 'messaging', 'process-options', 'process'].map((name) => `owner/process/${name}`),
  ...['control-address', 'fork-server', 'node-flags', 'preload-options', 'server-options', 'start-method'].map(
    (name) => `owner/server/${name}`,
  ),
  ...['jest/index', 'jest/runner-settings', 'jest/test-runner'],
  ...['forkserver-pool', 'index', 'pool-settings', 'vitest-types'].map((name) => `vitest/${name}`),
]

const declarationOf = (name: string, kind: string): string[] =>
  LEFT_OUT.includes(name) || (UNDECLARED.includes(path.dirname(name)) && !DECLARED.includes(name))
    ? []
    : [`dist/${name}.d.${kind}ts`]

/** npm runs these where the package is installed, or warns of them. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'prepublish']

describe('the packed package', () => {
  let packed: Packed
  let unpacked: string
  before(async () => {
    packed = await pack()
    const folder = newFolder()
    await run('tar', ['-xzf', packed.tarball, '-C', folder])
    unpacked = path.join(folder, 'package')
  })

  test('is small', () => assert.ok(packed.size < MOST_BYTES, `${packed.size} bytes`))

  test('has the compiled sources, the prebuilt libraries, the pages for users, and nothing else', () => {
    const libraries = ['x64', 'arm64'].flatMap((arch) => [`linux-${arch}.node`, `linux-${arch}-preload.so`])
    const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    const compiled = sources
      .map((name) => /^(.*)\.([cm]?)ts$/.exec(name))
      .filter((match) => match !== null)
      .flatMap(([, name, kind]) => [`dist/${name}.${kind}js`, ...declarationOf(name!, kind!)])
    const pages = readdirSync(path.join(ROOT, 'docs'))
      .filter((name) => name.endsWith('.md'))
      .filter((name) => !PAGES_OF_THE_PROJECT.includes(path.parse(name).name))
    const wanted = [
      ...['CHANGELOG.md', 'LICENSE', 'README.md', 'bin/forkserver.mjs', 'package.json'],
      ...compiled,
      ...[...pages, 'images/how-it-works.svg'].map((name) => `docs/${name}`),
      ...libraries.map((name) => `native/prebuilds/${name}`),
    ]
    assert.deepEqual([...packed.files].sort(), wanted.sort())
  })

  test('has every declaration that a declaration imports from a public face on', () => {
    const { exports } = JSON.parse(readFileSync(path.join(unpacked, 'package.json'), 'utf8')) as { exports: object }
    const left = [...JSON.stringify(exports).matchAll(/"\.\/(dist\/[^"]+\.d\.c?ts)"/g)].map(([, file]) => file!)
    assert.ok(left.length > 3)
    const seen = new Set<string>()
    for (let file = left.pop(); file; file = left.pop()) {
      if (seen.has(file)) continue
      seen.add(file)
      const text = readFileSync(path.join(unpacked, file), 'utf8').replaceAll(/\/\*.*?\*\//gs, '') // examples
      for (const [, target] of text.matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g))
        left.push(path.join(path.dirname(file), target!.replace(/\.(c?)js$/, '.d.$1ts')))
    }
  })

  test('has every page and picture to which one of its pages links', () => {
    for (const page of packed.files.filter((name) => name.endsWith('.md')))
      for (const href of linksOf(readFileSync(path.join(unpacked, page), 'utf8'))) {
        const target = path.join(path.dirname(page), href.split('#')[0]!)
        assert.ok(href.startsWith('#') || packed.files.includes(target), `${page}: ${href}`)
      }
  })

  test('runs nothing when it is installed', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(unpacked, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    assert.deepEqual(
      INSTALL_SCRIPTS.filter((name) => name in scripts),
      [],
    )
  })

  test('names no source map, and no folder of the machine that packed it', () => {
    for (const name of packed.files) {
      const content = readFileSync(path.join(unpacked, name), 'latin1')
      if (name.startsWith('dist/')) assert.ok(!content.includes('sourceMappingURL'), name)
      for (const folder of [ROOT, os.homedir()]) assert.ok(!content.includes(`${folder}/`), `${name}: ${folder}`)
    }
  })

  test('is right for publint', async () => {
    const { messages } = await publint({ pkgDir: unpacked, strict: true })
    const manifest = JSON.parse(readFileSync(path.join(unpacked, 'package.json'), 'utf8')) as Record<string, unknown>
    assert.deepEqual(
      messages.map((message) => formatMessage(message, manifest)),
      [],
    )
  })

  // node10 is the name of a way to find modules that does not know exports.
  test('has types that every way to find modules but node10 finds', async () => {
    const attw = path.join(ROOT, 'node_modules', '.bin', 'attw')
    const { stdout } = await run(attw, [packed.tarball, '--profile', 'node16', '--format', 'json'], { cwd: ROOT })
    const { analysis } = JSON.parse(stdout) as { analysis: { problems: { kind: string; resolutionKind: string }[] } }
    const found = analysis.problems.filter(({ resolutionKind }) => resolutionKind !== 'node10')
    assert.deepEqual(found, [])
  })
})
