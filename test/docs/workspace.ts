// Runs in: the test runner. A folder in which forkserver and the packages of the documentation are installed, with a
// folder for each page.
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import ts from 'typescript'
import { ROOT } from '../rules/sources.js'
import type { Block } from './blocks.js'

/** A new folder. Its node_modules has links to the packages of the project and to the project itself. */
export function makeWorkspace(): { folder: string; remove(): void } {
  const folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-docs-')))
  const modules = path.join(folder, 'node_modules')
  mkdirSync(modules)
  for (const name of readdirSync(path.join(ROOT, 'node_modules'))) {
    if (name !== 'forkserver') symlinkSync(path.join(ROOT, 'node_modules', name), path.join(modules, name))
  }
  symlinkSync(ROOT, path.join(modules, 'forkserver'))
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }')
  return { folder, remove: () => rmSync(folder, { recursive: true }) }
}

const isTypeScript = (block: Block): boolean => /^[mc]?ts$/.test(block.language)

/** The text of a block, with what stands in front of it and behind it. */
const textOf = ({ before, text, after }: Block): string =>
  [before, text, after].filter((part) => part !== undefined).join('\n')

function transpile(text: string): string {
  const compilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    verbatimModuleSyntax: true,
  }
  return ts.transpileModule(text, { compilerOptions }).outputText
}

/**
 * Writes a block into the folder of its page, and a program in TypeScript also as JavaScript. A block without a name
 * is named by its number.
 *
 * @returns the files: the one to run, and the one whose types can be checked
 */
export function writeBlock(block: Block, folder: string, number: number): { program: string; source: string } {
  const source = path.join(folder, block.name ?? `block-${number}.${block.language}`)
  mkdirSync(path.dirname(source), { recursive: true })
  writeFileSync(source, textOf(block))
  if (!isTypeScript(block)) return { program: source, source }
  const program = source.replace(/ts$/, 'js')
  writeFileSync(program, transpile(textOf(block)))
  return { program, source }
}

/** The message of each error of type in these files. */
export function typeErrors(sources: readonly string[]): string[] {
  const program = ts.createProgram(sources, {
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ['node'],
    typeRoots: [path.join(ROOT, 'node_modules', '@types')],
    strict: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    noEmit: true,
  })
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0
    const where = file ? `${path.basename(path.dirname(file.fileName))}/${path.basename(file.fileName)}:${line}` : ''
    return `${where} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
  })
}
