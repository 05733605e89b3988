// Runs in: the test runner. How the command line of a Node process is read.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packageOf, readCommandLine } from '#src/owner/drop-in/command-line.js'

test('flags, the script, and its arguments', () => {
  assert.deepEqual(readCommandLine(['a.js']), { flags: [], script: 'a.js', args: [] })
  assert.deepEqual(readCommandLine(['--no-warnings', '--require', './r.js', 'a.js', '--flag', 'b']), {
    flags: ['--no-warnings', '--require', './r.js'],
    script: 'a.js',
    args: ['--flag', 'b'],
  })
  assert.deepEqual(readCommandLine(['--import=x', '--', 'a.js']), { flags: ['--import=x'], script: 'a.js', args: [] })
})

test('what runs no script', () => {
  for (const words of [[], ['-'], ['-e', '1'], ['-p', '1'], ['-pe', '1'], ['--eval=1'], ['--test', 'a.js'], ['-v']])
    assert.equal(readCommandLine(words), undefined, words.join(' '))
  for (const words of [['--watch', 'a.js'], ['--run', 'x'], ['inspect', 'a.js'], ['--check', 'a.js'], ['--require']])
    assert.equal(readCommandLine(words), undefined, words.join(' '))
})

test('a flag whose value may be the next word: with `=` it is not, and otherwise Node reads the line', () => {
  for (const flag of ['--inspect-port', '--debug_port', '--report-signal', '--cpu-prof-interval', '--stack-size'])
    assert.equal(readCommandLine([flag, '1', 'a.js']), undefined, flag)
  for (const flag of ['--inspect-port=0', '--cpu_prof_interval=1', '--max-old-space-size=64', '--stack-trace-limit=9'])
    assert.deepEqual(readCommandLine([flag, 'a.js']), { flags: [flag], script: 'a.js', args: [] })
  const flags = ['--unhandled_rejections', 'warn', '--trace-warnings']
  assert.deepEqual(readCommandLine([...flags, 'a.js']), { flags, script: 'a.js', args: [] })
})

test('flags of the test runner and of reports that take no value', () => {
  const names = ['test-update-snapshots', 'test-only', 'test-force-exit', 'test-randomize', 'test-udp-no-try-send']
  const others = ['experimental-test-module-mocks', 'experimental-test-snapshots', 'report-on-signal']
  const flags = [...names, ...others, 'test-concurrency=1'].map((name) => `--${name}`)
  assert.deepEqual(readCommandLine([...flags, 'a.js']), { flags, script: 'a.js', args: [] })
})

test('the package of a file is the innermost one', () => {
  assert.equal(packageOf('/p/node_modules/ava/lib/base.js'), '/p/node_modules/ava/')
  assert.equal(
    packageOf('/p/node_modules/.pnpm/a@1/node_modules/@a/b/c.js'),
    '/p/node_modules/.pnpm/a@1/node_modules/@a/b/',
  )
  assert.equal(packageOf('/p/src/node_modules.js'), undefined)
  assert.equal(packageOf('/p/worker.js'), undefined)
})
