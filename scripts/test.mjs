// Runs in: `npm test` and the other commands for tests. Runs compiled tests in Node's own test runner.
//
//   node scripts/test.mjs          what every change must pass: all tests except the slow ones
//   node scripts/test.mjs unit     tests that start no process: pure files, and the rules
//   node scripts/test.mjs slow     many processes, kills, streams and whole commands (*.slow.test.ts), and then the
//                                  contract tests on connected servers
//   node scripts/test.mjs package  the packed package, installed into empty projects (npm run test:package)
//   node scripts/test.mjs WORD...  tests whose path contains one of the words, slow or not: `npm test -- contract`
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'build', 'test')
const UNIT = /^(wire|options|promises|rules|owner\/naming|owner\/process|owner\/pool|connection\/pickle)\//
const PACKAGE = /^package\//
const SLOW = /\.slow\.test\.js$/
const CONTRACT = /^contract\/.*(?<!\.slow)\.test\.js$/

const all = readdirSync(ROOT, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js'))
  .sort()
/** Those of the package need its tarball, which `npm run test:package` makes. */
const files = all.filter((name) => !PACKAGE.test(name))

/** The time limit only bounds a hang. An emulated processor needs a longer one (test/support/slowness.ts). */
const LIMIT_MS = 900_000 * Number(process.env.FORKSERVER_TEST_SLOWNESS ?? 1)

/** Runs two files at a time, because most tests wait for processes. */
function run(names, env = {}) {
  const flags = ['--test', '--test-concurrency=2', `--test-timeout=${LIMIT_MS}`, '--test-reporter=spec']
  const paths = names.map((name) => path.join(ROOT, name))
  const { status } = spawnSync(process.execPath, [...flags, ...paths], {
    stdio: 'inherit',
    env: { ...process.env, ...env },
  })
  return status ?? 1
}

const words = process.argv.slice(2)
const [kind] = words
const isKind = words.length === 1 && ['unit', 'slow', 'package'].includes(kind)
if (!isKind && words.length > 0) {
  const wanted = all.filter((name) => words.some((word) => name.includes(word)))
  if (wanted.length === 0) {
    console.error(`No test file matches ${words.join(' ')}.`)
    process.exit(2)
  }
  process.exit(run(wanted))
}
if (kind === 'package') process.exit(run(all.filter((name) => PACKAGE.test(name))))
if (kind === 'unit') process.exit(run(files.filter((name) => UNIT.test(name) && !SLOW.test(name))))
if (kind === undefined) process.exit(run(files.filter((name) => !SLOW.test(name))))
const slow = run(files.filter((name) => SLOW.test(name)))
const connected = run(
  files.filter((name) => CONTRACT.test(name)),
  { FORKSERVER_TEST_WAYS: 'rest' }, // test/support/servers.ts
)
process.exit(slow || connected)
