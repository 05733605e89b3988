// Runs in: the test runner. A child is a process of its own: who it is, since when, and that it carries nothing of the
// template's.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Process, ResourceError, remote, UsageError } from 'forkserver'
import { flagsOfSpawned, flagsOfTemplate } from '#src/owner/server/node-flags.js'
import type { JobSurroundings } from '#src/wire/job.js'
import { contract, errorOf, run } from './contract.js'

const identity = remote<typeof import('../fixtures/contract/identity.js')>(
  new URL('../fixtures/contract/identity.js', import.meta.url),
)
/** Clocks of the system are set now and then, by less. */
const CLOCK_STEP_MS = 1000
const NOBODY = 65_534
const isRoot = process.getuid!() === 0

/** The flags that a child inherits from this process. */
const flagsOf = (isSpawned: boolean): readonly string[] =>
  isSpawned
    ? flagsOfSpawned(undefined, process.execArgv)
    : flagsOfTemplate(undefined, process.execArgv, undefined).execArgv

let folder = ''
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-identity-'))
})
after(() => rmSync(folder, { recursive: true }))

contract(
  'a child is a process of its own',
  (site) => {
    test('with its own pid, and nothing of the template', async () => {
      for (let i = 0; i < 5; i++) {
        const p = await new Process(identity.identify, [], { server: site.server, stdio: 'ignore' }).start()
        const found = await p.result
        await p.join()
        assert.equal(found.pid, p.pid)
        assert.equal(found.realPid, p.pid)
        // Node 24 and later run a test with a dozen flags.
        assert.deepEqual(found.execArgv, flagsOf(site.way.name === 'spawn'))
        assert.equal(found.keptStore, 'the preload', 'what a module kept is still its own')
        const ours = site.way.name === 'spawn' ? ['uncaughtExceptionMonitor'] : []
        assert.deepEqual(
          found.listeners.filter((name) => !ours.includes(name)),
          [],
        )
      }
    })

    test('since its own start', async () => {
      const started = Date.now()
      const hrtime = performance.now()
      const found = await run(identity.identify, [], { server: site.server })
      const passedMs = performance.now() - hrtime
      assert.ok(found.timeOrigin > started - CLOCK_STEP_MS, `${found.timeOrigin} is before ${started}`)
      assert.ok(found.now > 0 && found.now <= passedMs, `now ${found.now} of ${passedMs} ms`)
      assert.ok(found.uptime > 0 && found.uptime * 1000 <= passedMs, `uptime ${found.uptime} s of ${passedMs} ms`)
    })

    test('with a title of its own', async () => {
      const titles = ['one', 'another one', 'ü']
      const all = titles.map((title) => run(identity.identify, [title], { server: site.server }))
      assert.deepEqual(
        (await Promise.all(all)).map(({ title }) => title),
        titles,
      )
    })

    test('with the umask and the niceness that are asked for', async () => {
      const plain = await run(identity.identify, [], { server: site.server })
      assert.deepEqual([plain.umask, plain.nice], [process.umask(), os.getPriority()])
      const asked = await run(identity.identify, [], { server: site.server, umask: 0o137, nice: 7 })
      assert.deepEqual([asked.umask, asked.nice], [0o137, 7])
      const file = path.join(folder, site.way.name.replaceAll(/\W/g, '-'))
      assert.equal(await run(identity.createFile, [file], { server: site.server, umask: 0o137 }), 0o640)
    })

    test('with the user and group that are asked for', {
      skip: !isRoot && 'only root can become another',
    }, async () => {
      const found = await run(identity.identify, [], { server: site.server, uid: NOBODY, gid: NOBODY })
      assert.deepEqual([found.uid, found.gid, found.groups.filter((id) => id !== NOBODY)], [NOBODY, NOBODY, []])
    })

    test('that asks for what its user may not take: a typed error that names the option and the system call', {
      skip: !isRoot && 'only root can become another first',
    }, async () => {
      const refused: [JobSurroundings, string, RegExp][] = [
        [{ uid: 0 }, 'setuid', /option uid 0/],
        [{ gid: 0 }, 'setgid', /option gid 0/],
        [{ nice: -20 }, 'setpriority', /option nice -20/],
      ]
      for (const [asked, syscall, says] of refused) {
        const options = { server: site.server, stdio: 'ignore', uid: NOBODY, gid: NOBODY } as const
        const p = await new Process(identity.becomeAgain, [asked], options).start()
        const error = await errorOf(p.result, ResourceError)
        assert.deepEqual([error.code, error.syscall], ['ERR_RESOURCE', syscall])
        assert.match(error.errno!, /^E(PERM|ACCES)$/)
        assert.match(error.message, says)
        assert.match(error.message, new RegExp(`user ${NOBODY}`))
        assert.equal((await p.join()).exitCode, 1)
      }
    })

    test('that asks for its own user and group without being root gets them', {
      skip: !isRoot && 'only root can become another first',
    }, async () => {
      const options = { server: site.server, uid: NOBODY, gid: NOBODY }
      assert.deepEqual(await run(identity.becomeAgain, [{ uid: NOBODY, gid: NOBODY }], options), [NOBODY, NOBODY])
    })

    test('in a folder that cannot be entered: a typed error that names it', async () => {
      const file = fileURLToPath(import.meta.url)
      for (const [cwd, says] of [
        [path.join(folder, 'nowhere'), /does not exist \(ENOENT\)/],
        [file, /is not a directory \(ENOTDIR\)/],
      ] as const) {
        const p = await new Process(identity.identify, [], { server: site.server, stdio: 'ignore', cwd }).start()
        const error = await errorOf(p.result, UsageError)
        assert.equal(error.code, 'ERR_INVALID_OPTION')
        assert.ok(error.message.includes(`'${cwd}'`), error.message)
        assert.match(error.message, says)
        assert.ok(error.cause instanceof Error)
        await p.join()
      }
    })
  },
  { preload: [identity.module] },
)
