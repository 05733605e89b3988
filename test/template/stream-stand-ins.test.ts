// Runs in: the test runner. A preload that used stdin, stdout, stderr and console, and kept them: its children's
// streams are their own.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ForkServer, Process, remote } from 'forkserver'
import { read } from '../contract/contract.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const jobs = remote<typeof import('../fixtures/contract/streams.js')>(
  new URL('../fixtures/contract/streams.js', import.meta.url),
)
const SPEAKER = fileURLToPath(new URL('../fixtures/contract/speaker.js', import.meta.url))
const MUCH = 300_000

let folder = ''
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-streams-'))
})
after(() => rmSync(folder, { recursive: true }))

for (const speaks of [true, false]) {
  describe(`a preload that ${speaks ? 'used and kept' : 'kept'} its streams`, () => {
    let server: ForkServer
    before(async () => {
      const env = { ...process.env, ...(speaks && { TEST_PRELOAD_SPEAKS: '1' }) }
      server = await ForkServer.start({ preload: [jobs.module], env })
    })
    after(() => server.close())

    test('a child has pipes where they are pipes', async () => {
      const p = await new Process(jobs.lookAtStreams, [], { server, stdio: 'pipe' }).start()
      const { kinds, isTTY, isSame } = await p.result
      await p.join()
      assert.deepEqual(kinds, ['Socket', 'Socket', 'Socket'])
      assert.deepEqual(isTTY, [false, false, false])
      assert.deepEqual(isSame, [true, true])
    })

    test('and files where they are files', async () => {
      const fd = openSync(path.join(folder, 'kinds'), 'w')
      const p = await new Process(jobs.lookAtStreams, [], { server, stdio: ['ignore', fd, fd] }).start()
      closeSync(fd)
      const { kinds } = await p.result
      await p.join()
      assert.deepEqual(kinds, ['ReadStream', 'SyncWriteStream', 'SyncWriteStream'])
    })

    test('all that it says arrives, in order, in a pipe and in a file', async () => {
      const out = `console\nkept\n${'x'.repeat(MUCH)}\nlast\n`
      const err = 'console, to stderr\nkept, to stderr\n'
      const p = await new Process(jobs.sayAll, [MUCH], { server, stdio: ['ignore', 'pipe', 'pipe'] }).start()
      assert.deepEqual(await Promise.all([read(p.stdout), read(p.stderr)]), [out, err])
      await p.join()
      const files = ['out', 'err'].map((name) => path.join(folder, name))
      const fds = files.map((name) => openSync(name, 'w'))
      const q = await new Process(jobs.sayAll, [MUCH], { server, stdio: ['ignore', ...fds] }).start()
      for (const fd of fds) closeSync(fd)
      assert.equal((await q.join()).exitCode, 0)
      assert.deepEqual(
        files.map((name) => readFileSync(name, 'utf8')),
        [out, err],
      )
    })
  })
}

describe('an owner whose preload speaks', () => {
  test('nothing that it says comes twice', async () => {
    const env = { ...process.env, TEST_PRELOAD_SPEAKS: '1' }
    const owner = spawn(process.execPath, [SPEAKER], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [out, err] = await Promise.all([read(owner.stdout), read(owner.stderr)])
    assert.equal(out, 'said in the preload\nconsole\nkept\n\nlast\nconsole\nkept\n\nlast\n')
    assert.equal(err, `said in the preload, to stderr\n${'console, to stderr\nkept, to stderr\n'.repeat(2)}`)
  })

  const skip = spawnSync('script', ['--version']).status !== 0 && 'there is no script(1) to make a terminal'
  test('its terminal is one for the children that inherit it, and for no others', { skip }, () => {
    const env = { ...process.env, TEST_PRELOAD_SPEAKS: '1', TEST_LOOK: '1' }
    const command = `stty cols 97; '${process.execPath}' '${SPEAKER}'`
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], { env, encoding: 'utf8' })
    const [inherited, piped] = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
    assert.deepEqual(inherited.kinds.slice(1), ['WriteStream', 'WriteStream'], stdout)
    assert.deepEqual(inherited.isTTY.slice(1), [true, true])
    assert.equal(inherited.columns, 97)
    assert.deepEqual(
      [piped.kinds, piped.isTTY],
      [
        ['Socket', 'Socket', 'Socket'],
        [false, false, false],
      ],
    )
  })
})
