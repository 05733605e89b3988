import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ForkServer } from 'forkserver'
import { env, judge } from './judge.js'
import { submissions } from './submissions.js'

let server
before(async () => {
  server = await ForkServer.start({ env })
})
after(() => server.close())

const VERDICTS = {
  right: 'accepted',
  wrong: 'wrong answer',
  throws: 'failed: exit code 1',
  loops: 'time limit',
  sleeps: 'time limit',
  'fills the heap': 'memory limit',
  'fills memory': 'memory limit',
  'prints for ever': 'too much output',
  'reads secrets': 'failed: exit code 1',
  'starts a process': 'accepted',
}

for (const submission of submissions) {
  test(submission.name, async () => {
    const { verdict, errors } = await judge(server, submission)
    assert.equal(verdict, VERDICTS[submission.name], `${verdict}: ${errors}`)
  })
}

test('a program sees neither the variables of the judge nor what another program left', async () => {
  const code = 'globalThis.left = (globalThis.left ?? 0) + 1; console.log(left, Object.keys(process.env).join())'
  for (let run = 0; run < 2; run++) {
    const { output } = await judge(server, { code, input: '', expected: '' })
    assert.equal(output, '1 PATH\n')
  }
})

test('what a program starts ends with it', { timeout: 10_000 }, async () => {
  const code = `
    console.log(require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' }).pid)
    process.exit()
  `
  const { output } = await judge(server, { code, input: '', expected: '' })
  while (isRunning(Number(output))) await sleep(10)
})

/** A zombie has ended, too: it only waits for init. */
function isRunning(pid) {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const isRoot = process.getuid?.() === 0
test('a program runs as nobody', { skip: !isRoot && 'only root can change the user' }, async () => {
  const code = 'console.log(process.getuid(), process.getgid(), process.getgroups().length)'
  const { output } = await judge(server, { code, input: '', expected: '' })
  assert.match(output, /^65534 65534 [01]\n$/)
})
