// Runs in: the test runner. Imports point down only, entries are imported by nobody, and pure modules do no I/O.
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, read } from './sources.js'

/** The layers, lowest first: a file imports from its own layer or from lower ones. Every file of src/ is in the list. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors'],
  [
    'options',
    'remote',
    'program',
    'program-reference',
    'clone',
    'clone-refusal',
    'thrown',
    'frames',
    'auth',
    'auth-digests',
    'auth-roles',
    'auth-key',
    'protocol-messages',
    'protocol',
    'job',
    'environment',
    'startup',
    'exit',
    'deferred',
    'hooks',
    'worker-info',
    'pool/block-table',
    'pool/plain',
    'pool/worker-errors',
    'pool/messages',
    'pool/chunk',
    'pool/queue',
    'pool/ledger',
    'pool/assignments',
    'pool/ring',
    'pool/scheduling',
    'pool/idle-timers',
    'pool/loop-hold',
    'pool/hiring',
    'connection/clone-codec',
    'connection/pickle',
    'connection/pickle-builtins',
    'connection/pickle-cursor',
    'connection/pickle-machine',
    'connection/pickle-memo',
    'connection/pickle-opcodes',
    'connection/pickle-output',
    'connection/pickle-parts',
    'connection/pickle-reader',
    'connection/pickle-text',
    'connection/pickle-types',
    'connection/pickle-writer',
  ],
  [
    'native',
    'modules',
    'launcher',
    'outcome',
    'hearing',
    'requests',
    'abort',
    'patience',
    'deserted',
    'sockets',
    'stdio',
    'pool/memory',
    'pool/blocks',
  ],
  ['pool/channel'],
  ['pool/ring-channel'],
  [
    'start-method',
    'address',
    'child/channel',
    'child/coverage',
    'child/leave',
    'child/flush',
    'child/program',
    'child/variables',
    'child/run',
    'child/birth',
    'child/task',
    'child/captured-output',
    'child/worker',
  ],
  [
    'template/census',
    'template/keys',
    'template/freeze',
    'template/unsent',
    'template/clients',
    'template/listener',
    'template/preload',
    'template/rehearse',
    'template/rehearse-worker',
    'template/serve',
    'template/streams',
    'template/template',
    'template/uniqueness',
  ],
  ['control', 'template-process', 'spawn', 'forkserver'],
  ['server-options', 'server', 'process-options', 'process'],
  ['pool/options', 'pool/link', 'pool/deadlines', 'pool/output', 'pool/stats', 'pool/worker'],
  ['pool/crew'],
  ['pool/results'],
  ['pool/listeners', 'pool/pool'],
  [
    'connection/transport',
    'connection/frame-reader',
    'connection/outbox',
    'connection/codecs',
    'connection/address',
    'connection/options',
  ],
  [
    'connection/native-transport',
    'connection/net-transport',
    'connection/inbox',
    'connection/sender',
    'connection/wait',
  ],
  ['connection/connection', 'connection/authentication', 'connection/acceptor'],
  ['connection/listener', 'connection/connect', 'connection/pipe'],
  ['index', 'connection', 'entry/template', 'entry/spawned'],
]
/** The public faces, which nobody here imports. */
const FACES = ['index', 'connection']
/** Pure modules: bytes in, bytes out. They may use these of Node's modules, and no others. */
const PURE = [
  'pool/worker-errors',
  'pool/plain',
  'pool/block-table',
  'clone-refusal',
  'worker-info',
  'pool/assignments',
  'pool/ledger',
  'pool/ring',
  'pool/scheduling',
  'template/unsent',
  'errors',
  'options',
  'remote',
  'program',
  'program-reference',
  'clone',
  'thrown',
  'frames',
  'auth',
  'auth-digests',
  'auth-roles',
  'auth-key',
  'protocol-messages',
  'protocol',
  'job',
  'environment',
  'startup',
  'exit',
  'deferred',
  'hooks',
  'outcome',
  'connection/clone-codec',
  'connection/pickle',
  'connection/pickle-builtins',
  'connection/pickle-cursor',
  'connection/pickle-machine',
  'connection/pickle-memo',
  'connection/pickle-opcodes',
  'connection/pickle-output',
  'connection/pickle-parts',
  'connection/pickle-reader',
  'connection/pickle-text',
  'connection/pickle-types',
  'connection/pickle-writer',
  'connection/transport',
  'connection/frame-reader',
  'connection/outbox',
  'connection/codecs',
  'connection/address',
  'connection/options',
  'pool/messages',
  'pool/chunk',
  'pool/queue',
]
const PURE_BUILT_INS = ['node:crypto', 'node:util', 'node:v8', 'node:path', 'node:url', 'node:buffer', 'node:os']
/** Who runs in the template and so must not know the owner's side. */
const OWNER_ONLY = [
  'hearing',
  'requests',
  'sockets',
  'stdio',
  'control',
  'template-process',
  'spawn',
  'forkserver',
  'server',
  'process',
  'index',
]

const nameOf = (file: string): string => path.relative('src', file).replace(/\.ts$/, '')

function importsOf(file: string): string[] {
  const code = read(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '') // an example in a comment imports nothing
  return [...code.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((match) => match[1]!)
}

function ownImportsOf(file: string): string[] {
  return importsOf(file)
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => nameOf(path.join(path.dirname(file), specifier.replace(/\.js$/, '.ts'))))
}

const sources = listFiles('src', /\.ts$/)
const layerOf = (name: string): number => LAYERS.findIndex((layer) => layer.includes(name))

test('every source file has a layer, and every layer names files that exist', () => {
  assert.deepEqual(sources.map(nameOf).sort(), LAYERS.flat().sort())
})

test('imports point down', () => {
  for (const file of sources) {
    for (const imported of ownImportsOf(file)) {
      assert.ok(layerOf(imported) <= layerOf(nameOf(file)), `${file} imports ${imported}, which is above it`)
      assert.ok(
        !imported.startsWith('entry/') && !FACES.includes(imported),
        `${file} imports ${imported}, which nobody may`,
      )
    }
  }
})

test('no import cycle', () => {
  const imports = new Map(sources.map((file) => [nameOf(file), ownImportsOf(file)]))
  const visit = (name: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(name), `import cycle: ${[...trail, name].join(' -> ')}`)
    for (const next of imports.get(name) ?? []) visit(next, [...trail, name])
  }
  for (const name of imports.keys()) visit(name, [])
})

test('pure modules do no I/O', () => {
  for (const name of PURE) {
    for (const specifier of importsOf(`src/${name}.ts`)) {
      if (specifier.startsWith('.'))
        assert.ok(
          PURE.includes(nameOf(path.join('src', path.dirname(name), specifier.replace(/\.js$/, '.ts')))) ||
            isTypeOnly(name, specifier),
          `${name} imports ${specifier}`,
        )
      else if (specifier.startsWith('node:'))
        assert.ok(PURE_BUILT_INS.includes(specifier) || isTypeOnly(name, specifier), `${name} imports ${specifier}`)
    }
  }
})

function isTypeOnly(name: string, specifier: string): boolean {
  return (
    read(`src/${name}.ts`).includes(`} from '${specifier}'`) &&
    new RegExp(`import type [^\n]*from '${specifier}'`).test(read(`src/${name}.ts`))
  )
}

test('what runs in the template or the child knows nothing of the owner', () => {
  for (const file of sources.filter((name) => /^src\/(template|child|entry)\//.test(name))) {
    for (const imported of ownImportsOf(file)) assert.ok(!OWNER_ONLY.includes(imported), `${file} imports ${imported}`)
  }
})

test('the addon is known to one file, Node-API to one header', () => {
  for (const file of sources) assert.equal(/\.node[`'"]/.test(read(file)), file === 'src/native.ts', file)
  for (const file of listFiles('native', /\.[ch]$/))
    assert.equal(read(file).includes('node_api.h'), file === 'native/addon.h', file)
})
