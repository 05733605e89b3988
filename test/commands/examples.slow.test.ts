// Runs in: the test runner. The examples as their reader runs them: npm ci, npm start, npm test, each in a copy of its
// folder. What they print is what their README says.
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const LIMIT_MS = 480_000
/** In a process of a test, Node's test runner skips all files: the tests of an example would pass unseen. */
const { NODE_TEST_CONTEXT: _context, ...env } = process.env
/** An example runs on the Node that runs this test. */
const ENV = { ...env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` }

/** A folder in which `../..` of an example is this project, as in a clone. */
const clone = mkdtempSync(path.join(os.tmpdir(), 'forkserver-examples-'))
for (const name of ['package.json', 'bin', 'dist', 'native', 'node_modules'])
  if (existsSync(path.join(ROOT, name))) symlinkSync(path.join(ROOT, name), path.join(clone, name))
cpSync(path.join(ROOT, 'examples'), path.join(clone, 'examples'), {
  recursive: true,
  filter: (name) => path.basename(name) !== 'node_modules',
})
const names = readdirSync(path.join(ROOT, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/** What a command prints on stdout. Throws if it fails. */
function npm(name: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const cwd = path.join(clone, 'examples', name)
    const options = { cwd, env: ENV, timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const
    execFile('npm', [...args, '--silent'], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`npm ${args.join(' ')} in ${name}:\n${stdout}${stderr}`, { cause: error }))
      else resolve(stdout)
    })
  })
}

/** The output that a README shows. */
function promised(name: string): string {
  const text = readFileSync(path.join(ROOT, 'examples', name, 'README.md'), 'utf8')
  const [, output] = /```text\n(.*?)```/s.exec(text) ?? []
  assert.ok(output, `examples/${name}/README.md shows no output`)
  return output
}

/** The lowest Node that an example says it needs: '22.12.0' of '^22.12.0 || ^24.0.0'. */
function tooOld(name: string): string | false {
  const manifest = readFileSync(path.join(ROOT, 'examples', name, 'package.json'), 'utf8')
  const { engines } = JSON.parse(manifest) as { engines?: { node: string } }
  const [major = 0, minor = 0] = (/[\d.]+/.exec(engines?.node ?? '')?.[0] ?? '').split('.').map(Number)
  const [ourMajor = 0, ourMinor = 0] = process.versions.node.split('.').map(Number)
  const isOld = ourMajor < major || (ourMajor === major && ourMinor < minor)
  return isOld && `it needs Node ${engines?.node}`
}

/** What an example needs besides Node. */
const COMMANDS: Record<string, string> = { 'python-client': 'python3', bullmq: 'redis-server' }
const lacks = (command: string | undefined): string | false =>
  command !== undefined &&
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status !== 0 &&
  `there is no ${command}`

describe('examples', { concurrency: 2 }, () => {
  watchLeaks()
  after(() => rmSync(clone, { recursive: true, force: true }))

  for (const name of names) {
    test(name, { skip: lacks(COMMANDS[name]) || tooOld(name) }, async () => {
      await npm(name, 'ci', '--prefer-offline', '--no-audit', '--no-fund')
      assert.equal(await npm(name, 'start'), promised(name))
      await npm(name, 'test')
    })
  }
})
