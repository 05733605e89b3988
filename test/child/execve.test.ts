// Runs in: the test runner. A child that becomes another program by process.execve() stays what it was to its owner.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ForkServer, Process, program } from 'forkserver'
import { killIfAlive, runProgram } from '../faults/owner.js'
import { isAlive, until, watchLeaks } from '../support/leaks.js'

watchLeaks()

const SLEEP = `process.execve('/bin/sh', ['sh', '-c', 'echo ready; exec sleep 600'], process.env)`
const skip = !('execve' in process) && 'process.execve() came with Node 22.15'

for (const startMethod of ['forkserver', 'spawn'] as const) {
  describe(`execve() in a child, start method ${startMethod}`, { skip }, () => {
    test('its owner can kill the program, and sees its exit', async () => {
      await using server = await ForkServer.start({ startMethod })
      const stdio = ['ignore', 'pipe', 'ignore'] as const
      const p = await new Process(program({ eval: SLEEP }), [], { server, stdio }).start()
      p.result.catch(() => {})
      await new Promise((resolve) => p.stdout!.once('data', resolve))
      assert.equal(p.kill('SIGTERM'), true)
      assert.equal((await p.join()).signal, 'SIGTERM')
      const exits = `process.execve('/bin/sh', ['sh', '-c', 'exit 9'], process.env)`
      const other = await new Process(program({ eval: exits }), [], { server, stdio: 'ignore' }).start()
      other.result.catch(() => {})
      assert.equal((await other.join()).exitCode, 9)
    })

    test('the program dies with its owner', async (t) => {
      const script = `import { ForkServer, Process, program } from 'forkserver'
        const server = await ForkServer.start({ startMethod: '${startMethod}' })
        const stdio = ['ignore', 'pipe', 'ignore']
        const p = await new Process(program({ eval: ${JSON.stringify(SLEEP)} }), [], { server, stdio }).start()
        p.result.catch(() => {})
        p.stdout.once('data', () => console.log(p.pid))`
      const owner = runProgram(process.execPath, ['--input-type=module', '-e', script])
      t.after(() => killIfAlive(owner.process.pid))
      const pid = Number(await owner.nextLine())
      assert.ok(isAlive(pid))
      owner.process.kill('SIGKILL')
      await owner.ended
      assert.ok(await until(() => !isAlive(pid)))
    })

    test('a call with wrong arguments throws, and what the child starts then has no lifeline', async () => {
      await using server = await ForkServer.start({ startMethod })
      const code = `const pipes = () => {
          const { stdout } = require('node:child_process').spawnSync('ls', ['-l', '/proc/self/fd'])
          return String(stdout.toString().match(/pipe:.*/g)) // the test runner may leave some to all of its processes
        }
        const before = pipes()
        try { process.execve(1) } catch (error) { console.log(error.code, pipes() === before) }`
      const stdio = ['ignore', 'pipe', 'ignore'] as const
      const p = await new Process(program({ eval: code }), [], { server, stdio }).start()
      let text = ''
      for await (const chunk of p.stdout!) text += String(chunk)
      await p.join()
      assert.equal(text, 'ERR_INVALID_ARG_TYPE true\n')
    })
  })
}
