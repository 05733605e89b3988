// Runs in: the test runner. Who may import whom, folder by folder, as the table of docs/ARCHITECTURE.md says. Pure
// files do no I/O.
import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { headerOf, listFiles, read, tableOf } from './sources.js'

/** Anybody may import this file; nobody may import a main or a public face. */
const ERRORS = 'src/errors.ts'
const FACES = ['', 'bullmq/', 'connection/', 'child_process/', 'vitest/', 'jest/'].map(
  (folder) => `src/${folder}index.ts`,
)
/** What a pure file may use of Node: nothing of these opens, waits or changes anything outside the process. */
const PURE_BUILT_INS = ['node:crypto', 'node:util', 'node:v8', 'node:path', 'node:url', 'node:buffer', 'node:os']

interface Import {
  /** A file of src/, or the name of a module. */
  target: string
  isType: boolean
}

const sources = listFiles('src', /\.ts$/)

/**
 * The folders of the table, each with those that it may import from. A folder stands for those inside it that have no
 * row of their own.
 */
const ALLOWED = new Map(
  tableOf('docs/ARCHITECTURE.md', 'folder', 'runs in', 'holds', 'may import').map(([folder, , , imports]) => [
    folder!.replaceAll('`', ''),
    [...imports!.matchAll(/`([^`]+)`/g)].map((match) => match[1]!),
  ]),
)

/** The row of the table that a file belongs to: that of the longest folder. */
function folderOf(file: string): string | undefined {
  for (let folder = path.dirname(file); folder !== 'src' && folder !== '.'; folder = path.dirname(folder)) {
    const name = path.relative('src', folder)
    if (ALLOWED.has(name)) return name
  }
  return undefined
}

function importsOf(file: string): Import[] {
  const code = read(file).replace(/^\s*(\/\/|\*|\/\*\*).*$/gm, '') // an example in a comment imports nothing
  const found = [...code.matchAll(/(?:^(import|export)( type)? [^']*?from|\b(import)\()\s*'([^']+)'/gm)]
  return found.map((match) => {
    const specifier = match[4]!
    const target = specifier.startsWith('.')
      ? path.join(path.dirname(file), specifier.replace(/\.js$/, '.ts'))
      : specifier
    return { target, isType: match[2] !== undefined }
  })
}

const isOwn = ({ target }: Import): boolean => target.startsWith('src/')

function mayImport(folder: string, other: string): boolean {
  return other === folder || ALLOWED.get(folder)!.some((name) => other === name || other.startsWith(`${name}/`))
}

test('every folder of src/ has a row, and every row a folder', () => {
  const folders = new Set(sources.map(folderOf))
  for (const file of sources) assert.ok(folderOf(file) || path.dirname(file) === 'src', `${file} is in no row`)
  for (const name of ALLOWED.keys()) assert.ok(folders.has(name), `no file is in ${name}`)
})

test('each folder imports only from the folders in its row', () => {
  for (const file of sources.filter((name) => !FACES.includes(name))) {
    const folder = folderOf(file)
    for (const { target } of importsOf(file).filter(isOwn)) {
      assert.ok(!FACES.includes(target), `${file} imports ${target}: nobody imports a public face`)
      if (target === ERRORS) continue
      const other = folderOf(target)
      assert.ok(
        folder && other && mayImport(folder, other),
        `${file} imports ${target}: ${folder} may not import ${other}`,
      )
    }
  }
})

test('the public faces only re-export', () => {
  for (const file of FACES) {
    const code = read(file).replace(/^\/\/.*$/gm, '')
    assert.equal(code.replace(/export (type )?(\*|\{[^}]*\}) from '[^']+'/g, '').trim(), '', file)
  }
})

test('no folder imports itself in a circle, not even through another one', () => {
  const visit = (name: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(name), `circle of folders: ${[...trail, name].join(' -> ')}`)
    for (const other of ALLOWED.get(name) ?? []) visit(other, [...trail, name])
  }
  for (const name of ALLOWED.keys()) visit(name, [])
})

test('no import cycle', () => {
  const imports = new Map(sources.map((file) => [file, importsOf(file).filter(isOwn)]))
  const done = new Set<string>()
  const visit = (file: string, trail: readonly string[]): void => {
    assert.ok(!trail.includes(file), `import cycle: ${[...trail, file].join(' -> ')}`)
    if (done.has(file)) return
    for (const { target } of imports.get(file) ?? []) visit(target, [...trail, file])
    done.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
})

test('a file that says it is pure does no I/O and imports nothing that does', () => {
  const pure = new Set(sources.filter((file) => /\bPure\b/.test(headerOf(file))))
  pure.add(ERRORS)
  assert.ok(pure.size > 40, 'the word is no longer found')
  for (const file of sources.filter((name) => /^src\/(wire|options|connection\/pickle)\//.test(name)))
    assert.ok(pure.has(file), `${file} must be pure, and say so in its first comment`)
  for (const file of pure) {
    for (const { target, isType } of importsOf(file)) {
      if (isType) continue
      const isFine = target.startsWith('node:')
        ? PURE_BUILT_INS.includes(target)
        : !target.startsWith('src/') || pure.has(target)
      assert.ok(isFine, `${file} is pure and imports ${target}`)
    }
  }
})

test('no two files of src/ have the same name', () => {
  const names = sources.map((file) => path.basename(file)).filter((name) => name !== 'index.ts')
  assert.deepEqual(
    names.filter((name, index) => names.indexOf(name) !== index),
    [],
  )
})

test('no folder is named for nothing', () => {
  const folders = [...sources, ...listFiles('native', /\.[ch]$/)].flatMap((file) => path.dirname(file).split(path.sep))
  for (const name of ['common', 'util', 'utils', 'misc', 'shared', 'helpers', 'lib'])
    assert.ok(!folders.includes(name), name)
})

test('the addon is known to one file, Node-API to one header', () => {
  for (const file of sources) assert.equal(/\.node[`'"]/.test(read(file)), file === 'src/platform/native.ts', file)
  for (const file of listFiles('native', /\.[ch]$/))
    assert.equal(read(file).includes('node_api.h'), path.basename(file) === 'addon.h', file)
})
