// Runs in: the test runner. Where the folder of a control socket is made, and which folders a start removes.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, test } from 'node:test'
import { freshFolder } from '#src/owner/server/control-address.js'
import { namePrefix } from '#src/platform/socket-folder.js'
import { addon, temporary } from '../../support/connections.js'

describe('freshFolder()', { skip: !addon }, () => {
  test('takes the first folder that can be written to', () => {
    const { folder, remove } = temporary()
    const file = path.join(folder, 'file')
    writeFileSync(file, '')
    const made = freshFolder(addon!, [path.join(folder, 'none'), file, folder, '/tmp'])
    assert.equal(path.dirname(made), folder)
    assert.equal(statSync(made).mode & 0o777, 0o700)
    remove()
  })

  test('names all that it tried', () => {
    const { folder, remove } = temporary()
    const file = path.join(folder, 'file')
    writeFileSync(file, '')
    assert.throws(() => freshFolder(addon!, [path.join(folder, 'none'), file]), {
      name: 'ResourceError',
      code: 'ERR_RESOURCE',
      errno: 'ENOTDIR',
      message: /none \(ENOENT\) or .*file \(ENOTDIR\)\. Set TMPDIR/,
    })
    remove()
  })

  test('sweeps what an ended process left, and nothing else', () => {
    const { folder, remove } = temporary()
    const { pid } = spawnSync(process.execPath, ['-e', ''])
    const prefix = namePrefix().replace(/\d+/, String(pid))
    const foreign = prefix.replace(/-[0-9a-z]+-$/, '-zz9-')
    const names = [`${prefix}empty1`, `${prefix}fulll2`, `${foreign}empty3`, `forkserver-${pid}-empty4`]
    for (const name of names) mkdirSync(path.join(folder, name))
    writeFileSync(path.join(folder, names[1]!, 'control.sock'), 'no socket')
    const target = path.join(folder, 'of-the-user')
    mkdirSync(target)
    symlinkSync(target, path.join(folder, `${prefix}linkk5`))
    const made = path.basename(freshFolder(addon!, [folder]))
    assert.deepEqual(readdirSync(folder).sort(), [...names.slice(1), `${prefix}linkk5`, 'of-the-user', made].sort())
    assert.ok(existsSync(target))
    remove()
  })
})
