// Runs in: the test runner. The package as npm packs it, and projects that install it.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'

export const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

/** Runs a program to its end. Rejects with its output if it fails. */
export const run = promisify(execFile)

const folders: string[] = []
process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A new empty folder, which is removed when the test process ends. */
export function newFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-package-'))
  folders.push(folder)
  return folder
}

/** What npm says of a package that it packed. */
export interface Packed {
  /** The path of the tarball. */
  tarball: string
  /** Its size in bytes. */
  size: number
  /** The paths in it. */
  files: readonly string[]
}

/** Packs the package as for publishing. The prebuilt libraries must be there: `npm run test:package` makes them. */
export async function pack(root = ROOT): Promise<Packed> {
  const folder = newFolder()
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root })
  // What prepack prints comes first.
  const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as unknown
  // npm 12 answers with an object by names.
  const [packed] = Object.values(answer as object) as { filename: string; size: number; files: { path: string }[] }[]
  const { filename, size, files } = packed!
  return { tarball: path.join(folder, filename), size, files: files.map((file) => file.path) }
}

/** An empty project, with these files. */
export function newProject(files: Record<string, string> = {}): string {
  const folder = newFolder()
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "project", "version": "1.0.0", "private": true }\n')
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return folder
}

/** The versions of Node that the package is for. */
export const MAJORS = [20, 22, 24, 26]

const binaries = new Map<number, Promise<string>>()

/** The path of a Node of this major version. */
export function nodeOf(major: number): Promise<string> {
  const known = binaries.get(major)
  if (known) return known
  const script = path.join(ROOT, 'scripts', 'nodes.mjs')
  const found = run(process.execPath, [script, String(major)]).then(({ stdout }) => stdout.trim())
  binaries.set(major, found)
  return found
}

export type PackageManager = 'npm' | 'pnpm'
export const PACKAGE_MANAGERS: readonly PackageManager[] = ['npm', 'pnpm']

const PNPM = path.join(ROOT, 'node_modules', 'pnpm', 'bin', 'pnpm.cjs')

/** npm's own program, so that it can run in any Node. */
async function npmProgram(): Promise<string> {
  const { stdout } = await run('npm', ['exec', '--call', 'echo $npm_execpath'], { cwd: ROOT })
  return stdout.trim()
}

let npm: Promise<string> | undefined

export interface InstallOptions {
  /** The path of the Node that runs the package manager and its scripts. */
  node: string
  manager: PackageManager
  ignoresScripts: boolean
}

/** Installs the tarball into a project, as a user does. */
export async function install(
  project: string,
  tarball: string,
  { node, manager, ignoresScripts }: InstallOptions,
): Promise<void> {
  const program = manager === 'npm' ? await (npm ??= npmProgram()) : PNPM
  const quick = manager === 'npm' ? ['--no-audit', '--no-fund'] : []
  const args = [manager === 'npm' ? 'install' : 'add', tarball, '--prefer-offline', ...quick]
  if (ignoresScripts) args.push('--ignore-scripts')
  const env = { ...process.env, PATH: `${path.dirname(node)}:${process.env.PATH}` }
  await run(node, [program, ...args], { cwd: project, env })
}
