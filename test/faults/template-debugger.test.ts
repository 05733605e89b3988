// Runs in: the test runner. Nobody opens a debugger in a template by a signal: it would listen on a TCP port, which
// every user of the machine can reach.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import os from 'node:os'
import { test } from 'node:test'
import { ForkServer, Process, program } from 'forkserver'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

/** The signals that a process ignores, as the kernel knows them. */
function ignoredBy(pid: number): string[] {
  const bits = BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]}`)
  return Object.entries(os.constants.signals)
    .filter(([, number]) => (bits >> BigInt(number - 1)) & 1n)
    .map(([name]) => name)
}

test('a template ignores SIGUSR1, and goes on', { skip: 'missing' in findNative() }, async () => {
  await using server = await ForkServer.start()
  assert.ok(ignoredBy(server.pid!).includes('SIGUSR1'), String(ignoredBy(server.pid!)))
  process.kill(server.pid!, 'SIGUSR1')
  const p = await new Process(program({ eval: 'process.exit(3)' }), [], { server }).start()
  assert.equal((await p.join()).exitCode, 3)
})

test('a child does not ignore it: its listener is called', async () => {
  await using server = await ForkServer.start()
  const listen = "process.on('SIGUSR1', () => process.exit(4)); setInterval(() => {}, 1000); console.log('listening')"
  const stdio = ['ignore', 'pipe', 'inherit'] as const
  const p = await new Process(program({ eval: listen }), [], { server, stdio }).start()
  await new Promise((resolve) => p.stdout!.once('data', resolve))
  p.kill('SIGUSR1')
  assert.equal((await p.join()).exitCode, 4)
})
