// Runs in: the test runner. The two forms of a handle's spawn().
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { environmentOf, readSpawnCall } from '#src/owner/drop-in/spawn-call.js'

test('both forms say the same', () => {
  const stdio = [{ type: 'ignore' }]
  const wanted = { cwd: '/', envPairs: ['A=1'], stdio, isDetached: true, uid: 1, gid: 2 }
  const options = { file: 'node', args: ['node'], cwd: '/', envPairs: ['A=1'], stdio, detached: true, uid: 1, gid: 2 }
  assert.deepEqual(readSpawnCall([options]), wanted)
  assert.deepEqual(readSpawnCall(['node', ['node'], '/', ['A=1'], stdio, 1, 1, 2]), wanted)
  assert.equal(readSpawnCall(['node', ['node'], '/', ['A=1'], stdio, 6, 1, 2]).isDetached, false)
})

test('an environment of pairs', () => {
  assert.deepEqual(environmentOf(['A=1', 'B=x=y', 'C=', 'A=2', 'odd']), { A: '1', B: 'x=y', C: '' })
})
