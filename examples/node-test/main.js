// Runs the tests as Node does, and then twice with forked processes: the second time their template has learnt what the
// test files import.
import { spawnSync } from 'node:child_process'

const RUNS = {
  'node --test': [],
  'node --require forkserver/register --test': ['--require', 'forkserver/register'],
  'once more': ['--require', 'forkserver/register'],
}

for (const [name, flags] of Object.entries(RUNS)) {
  const args = [...flags, '--test', '--test-reporter=tap']
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [, tests] = /^# tests (\d+)/m.exec(stdout)
  const [, passed] = /^# pass (\d+)/m.exec(stdout)
  console.log(`${name}: ${passed} of ${tests} tests passed, exit code ${status}`)
}
