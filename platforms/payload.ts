// Runs in: a tool process. What is tried on another platform: the tarball as npm packs it, the tests, and a Node.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { PlatformError, ROOT, run, WORK } from './machine.js'

const LIMIT_SECONDS = 900
/** What the stress command, the demo and the contract tests import from other packages. */
const TOOLS = ['commander', 'cli-progress', 'cli-table3', 'typescript']

/** Packs the project, and returns the path of the tarball. */
export function packTarball(): string {
  const folder = path.join(WORK, 'tarball')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  run('npm', ['pack', '--silent', '--pack-destination', folder], LIMIT_SECONDS, ROOT)
  const name = readdirSync(folder).find((file) => file.endsWith('.tgz'))
  if (!name) throw new PlatformError('npm pack made no tarball.')
  return path.join(folder, name)
}

function dependenciesOf(folder: string): string[] {
  const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>
  }
  return Object.keys(manifest.dependencies ?? {})
}

function copyPackages(names: readonly string[], into: string): void {
  const waiting = [...names]
  const done = new Set<string>()
  for (let name: string | undefined; (name = waiting.pop()) !== undefined; ) {
    if (done.has(name)) continue
    done.add(name)
    const folder = path.join(ROOT, 'node_modules', name)
    cpSync(folder, path.join(into, name), { recursive: true, dereference: true })
    waiting.push(...dependenciesOf(folder))
  }
}

/** Unpacks the tarball into a folder, and puts beside it what `npm run stress`, the demo and the tests need. */
export function addPackage(tarball: string, into: string): void {
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  run('tar', ['-xzf', tarball, '-C', into, '--strip-components=1'], LIMIT_SECONDS)
  const built = ['build/test', 'build/stress', 'build/demo', 'build/platforms']
  for (const name of [...built, 'test/fixtures', 'src', 'scripts/test.mjs'])
    cpSync(path.join(ROOT, name), path.join(into, name), { recursive: true })
  copyPackages([...dependenciesOf(into), ...TOOLS], path.join(into, 'node_modules'))
}

/** Downloads a Node from npm once. Returns the folder with bin/ and lib/. */
export function fetchNode(platform: string, major: number): string {
  const folder = path.join(WORK, 'nodes', `${platform}-${major}`)
  if (existsSync(path.join(folder, 'bin', 'node'))) return folder
  mkdirSync(folder, { recursive: true })
  const [name] = run('npm', ['pack', `node-${platform}@${major}`, '--silent'], LIMIT_SECONDS, folder)
    .trim()
    .split('\n')
  run('tar', ['-xzf', name!, '--strip-components=1'], LIMIT_SECONDS, folder)
  rmSync(path.join(folder, name!))
  return folder
}
