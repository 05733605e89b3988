// Runs in: the test runner. A template with much memory, which is put into a file before it forks (flat-memory.ts):
// its children have that memory as a copy of their own.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Process, remote } from 'forkserver'
import { checksum } from '../fixtures/contract/large.js'
import { contract, HANG_MS, jobs, run } from './contract.js'

const MiB = 1024 * 1024
const large = remote<typeof import('../fixtures/contract/large.js')>(
  new URL('../fixtures/contract/large.js', import.meta.url),
)
/** More than the 16 forks after which the template checks whether to map its file again. */
const FORKS = 40

const status = (pid: number, field: string): number => {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)![1]) * 1024
}

contract(
  'a large template',
  (site) => {
    const options = { timeout: HANG_MS } as const

    test('children have its memory', options, async () => {
      assert.equal(await run(large.checksum, [], { server: site.server }), checksum())
    })

    test('what a child writes stays in it', options, async () => {
      const old = new Process(large.checksumAtEnd, [], { server: site.server, stdio: ['pipe', 'ignore', 'inherit'] })
      await old.start()
      for (const by of [3, 5]) {
        const [before, after] = await run(large.change, [by], { server: site.server })
        assert.equal(before, checksum())
        assert.notEqual(after, before)
      }
      old.stdin!.end()
      assert.equal(await old.result, checksum())
      await old.join()
    })

    test('a child collects garbage in it', options, async () => {
      assert.equal(await run(large.collect, [], { server: site.server }), true)
    })

    test('memory that a child frees and takes again is zeroed', options, async () => {
      assert.equal(await run(large.zeros, [], { server: site.server }), true)
    })

    test('the template stays small, and forks right', options, async (t) => {
      const { server } = site
      const { pid, report } = server
      if (server.startMethod === 'spawn' || pid === undefined || !report) return t.skip('it has no template')
      assert.equal(report.notFlat, null)
      assert.ok(report.coldBytes > 50 * MiB, `${report.coldBytes} bytes in the file`)
      for (let fork = 0; fork < FORKS; fork++) assert.equal(await run(jobs.echo, [fork], { server }), fork)
      assert.equal(await run(large.checksum, [], { server }), checksum())
      // The next check after these: what is mapped of the file goes.
      for (let fork = 0; fork < FORKS; fork++) assert.equal(await run(jobs.echo, [fork], { server }), fork)
      const mapped = status(pid, 'RssShmem')
      assert.ok(mapped < report.coldBytes / 2, `${mapped} of ${report.coldBytes} bytes are mapped`)
    })
  },
  { preload: [large.module] },
)

contract('a small template', (site) => {
  test('its memory stays as it is, and its report says why', (t) => {
    const { report } = site.server
    if (!report) return t.skip('it has no template')
    assert.equal(report.coldBytes, 0)
    assert.match(report.notFlat!, /little memory/)
    assert.ok(report.hotBytes > MiB)
  })
})
