// Runs in: the test runner. Which folders are forkserver's own, and which of them nobody uses any more.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { describe, test } from 'node:test'
import { endedMakersOf, makerOf, namePrefix, parentFolders } from '#src/platform/socket-folder.js'

const LINUX = process.platform === 'linux'

describe('the name of a folder', { skip: !LINUX }, () => {
  test('says which process made it, and in which pid namespace', () => {
    const namespace = Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))![0]).toString(36)
    assert.deepEqual(makerOf(`${namePrefix()}aB3xyz`), { pid: process.pid, namespace })
  })

  test('is short: with the file, it leaves 60 bytes for the folder above', () => {
    const longest = `/${namePrefix().replace(/\d+/, '4194304')}XXXXXX/control.sock`
    assert.ok(longest.length <= 107 - 60, longest)
  })

  test('is nobody else’s', () => {
    for (const name of ['forkserver-', 'forkserver-x', 'forkserver-jobs', 'forkserver-12-abcdef', 'forkserver-1-2-3'])
      assert.equal(makerOf(name), undefined, name)
    assert.equal(makerOf(`my-${namePrefix()}aB3xyz`), undefined)
    assert.equal(makerOf(`${namePrefix()}aB3xyz.old`), undefined)
  })

  test('is swept only if its maker has ended, and could be seen from here', () => {
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const own = namePrefix()
    const ended = own.replace(/\d+/, String(pid))
    const [mine, left] = [`${own}abcdef`, `${ended}abcdef`]
    const foreign = ended.replace(/-[0-9a-z]+-$/, '-zz9-abcdef')
    const unknown = ended.replace(/-[0-9a-z]+-$/, '-0-abcdef')
    assert.deepEqual(endedMakersOf([mine, left, foreign, unknown, 'forkserver-1-abcdef', 'other']), [left])
  })
})

test('folders are made in XDG_RUNTIME_DIR, or else in TMPDIR, or else in /tmp', () => {
  const before = { ...process.env }
  try {
    Object.assign(process.env, { XDG_RUNTIME_DIR: '/run/user/1', TMPDIR: '/var/tmp' })
    assert.deepEqual(parentFolders(), ['/run/user/1', '/var/tmp', '/tmp'])
    delete process.env.XDG_RUNTIME_DIR
    assert.deepEqual(parentFolders(), ['/var/tmp', '/tmp'])
    process.env.TMPDIR = '/tmp'
    assert.deepEqual(parentFolders(), ['/tmp'])
  } finally {
    for (const name of ['XDG_RUNTIME_DIR', 'TMPDIR']) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
  }
})
