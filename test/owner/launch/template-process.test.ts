// Runs in: the test runner. A template that cannot be started, because a system call fails: a typed error, and nothing
// stays open.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import os from 'node:os'
import { describe, test } from 'node:test'
import { ResourceError } from 'forkserver'
import { Lifeline } from '#src/owner/launch/lifeline.js'
import { TemplateLauncher } from '#src/owner/launch/template-launcher.js'
import { startTemplate, TemplateProcess } from '#src/owner/launch/template-process.js'
import { type Native, native } from '#src/platform/native.js'
import { AuthKey } from '#src/wire/auth/auth-key.js'
import { openDescriptors, watchLeaks } from '../../support/leaks.js'

watchLeaks()

/** The addon, one of whose functions has no descriptors left from its `which`th call on. */
function outOfDescriptors(name: 'socketPair' | 'pipe', which: number): Native {
  let calls = 0
  const call = native()[name]
  const replaced = (out: Int32Array): number => (++calls >= which ? -os.constants.errno.EMFILE : call(out))
  return Object.assign(Object.create(native()), { [name]: replaced }) as Native
}

const sockets = (): string[] => openDescriptors().filter((line) => /socket|pipe|null|\.node/.test(line))

function isOutOfDescriptors(error: unknown): true {
  assert.ok(error instanceof ResourceError, String(error))
  assert.deepEqual([error.code, error.errno], ['ERR_RESOURCE', 'EMFILE'])
  return true
}

describe('too few descriptors to start a template', () => {
  for (const which of [1, 2, 3]) {
    test(`the socket pair number ${which} cannot be made`, async () => {
      const lifeline = new Lifeline(native())
      const before = sockets()
      const config = {
        preload: [],
        warmup: null,
        tripwires: [],
        listen: null,
        strict: true,
        settleMs: 1,
        coverage: null,
        nodeOptions: null,
        takesOver: false,
        watch: false,
        watchVariable: null,
      }
      const options = {
        config,
        env: process.env,
        flags: { execArgv: [], nodeOptions: undefined },
        key: AuthKey.generate(),
        lifeline: lifeline.readEnd,
        ref: true,
        signal: new AbortController().signal,
        startTimeout: 10_000,
      }
      try {
        await assert.rejects(startTemplate(outOfDescriptors('socketPair', which), options), isOutOfDescriptors)
        assert.deepEqual(sockets(), before)
      } finally {
        lifeline.close()
      }
    })
  }

  test('the lifeline cannot be made', () => {
    const before = sockets()
    const launcher = (): unknown =>
      new TemplateLauncher(outOfDescriptors('pipe', 1), { templateTimeout: 1_000, spares: 0 }, () =>
        assert.fail('nothing is started'),
      )
    assert.throws(launcher, isOutOfDescriptors)
    assert.deepEqual(sockets(), before)
  })
})

test('a template that has ended, and was waited for, gets no signal: its pid may be a stranger’s', async (t) => {
  const template = new TemplateProcess(spawn(process.execPath, ['--version'], { stdio: 'ignore' }))
  await template.ended
  const kill = t.mock.method(process, 'kill', () => true)
  await template.killStart()
  template.killAll()
  assert.equal(kill.mock.callCount(), 0)
})
