// Runs in: `npm test`. Runs the compiled tests with Node's own test runner: all, or those whose path contains a word of
// the command line. For example, `npm test -- contract` runs test/contract.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const tests = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'build', 'test')
const words = process.argv.slice(2)
const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.js') && (words.length === 0 || words.some((word) => name.includes(word))))
  .map((name) => path.join(tests, name))
  .sort()
if (files.length === 0) {
  console.error(`No test file matches ${words.join(' ')}.`)
  process.exit(2)
}
// Two files at a time, because most tests wait for processes. The time limit only ends a hang; no test comes near it.
const flags = ['--test', '--test-concurrency=2', '--test-timeout=900000', '--test-reporter=spec']
const { status } = spawnSync(process.execPath, [...flags, ...files], { stdio: 'inherit' })
process.exit(status ?? 1)
