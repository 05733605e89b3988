// Runs in: the test runner. The demo as a user runs it: its figures, its table, and every way in which it can go wrong.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { formatPlan } from '../../demo/plan.js'
import type { Report } from '../../demo/report.js'

const DEMO = fileURLToPath(new URL('../../demo/demo.js', import.meta.url))
const SOURCE = 'export const double = (value: number): number => value * 2\n'
// Deeper than the stack of TypeScript's parser: the one way to have it throw.
const TOO_DEEP = '('.repeat(100_000)

interface Ran {
  exitCode: number | null
  stdout: string
  stderr: string
}

/** Runs the demo; may interrupt it as soon as stderr says something. */
function runDemo(args: readonly string[], interruptAt?: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const demo = spawn(process.execPath, [DEMO, ...args], { timeout: 60_000, killSignal: 'SIGKILL' })
    const ran: Ran = { exitCode: null, stdout: '', stderr: '' }
    demo.stdout.setEncoding('utf8').on('data', (text: string) => {
      ran.stdout += text
    })
    demo.stderr.setEncoding('utf8').on('data', (text: string) => {
      const wasSaid = interruptAt === undefined || ran.stderr.includes(interruptAt)
      ran.stderr += text
      if (!wasSaid && ran.stderr.includes(interruptAt)) demo.kill('SIGINT')
    })
    demo.on('error', reject)
    demo.on('close', (exitCode) => resolve({ ...ran, exitCode }))
  })
}

/** It failed, in these sentences and no others, without a result. */
function assertRefused(ran: Ran, stderr: string): void {
  assert.deepEqual(ran, { exitCode: 1, stdout: '', stderr })
}

describe('the demo', { concurrency: 2 }, () => {
  let root = ''
  const at = (...names: string[]): string => path.join(root, ...names)
  async function put(name: string, text = SOURCE): Promise<void> {
    await mkdir(path.dirname(at(name)), { recursive: true })
    await writeFile(at(name), text)
  }

  before(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), 'forkserver-demo-'))
  })
  after(() => rm(root, { recursive: true, force: true }))

  test('transpiles every TypeScript file, each in its process, and a sample by its peers', async () => {
    await put('project/a.ts')
    await put('project/b.ts/c.tsx', 'export const d = <p>text</p>\n') // a folder may be named like a file
    await put('project/node_modules/e/dist/f.d.mts', 'export declare const g: number\n')
    for (const ignored of ['.git/h.ts', 'dist/i.ts', 'b.ts/build/j.ts', 'k.js']) await put(`project/${ignored}`)
    await symlink(at('project', 'b.ts'), at('project', 'linked'))
    const ran = await runDemo([at('project'), '--json', '--sample', '1', '--concurrency', '2'])
    assert.equal(ran.exitCode, 0, ran.stderr)
    const report = JSON.parse(ran.stdout) as Report
    const { folder, concurrency, files, skippedFiles, linkedFolders, failures } = report
    const counted = { folder, concurrency, files, skippedFiles, linkedFolders, failures }
    const expected = {
      folder: at('project'),
      concurrency: 2,
      files: 3,
      skippedFiles: 0,
      linkedFolders: 1,
      failures: [],
    }
    assert.deepEqual(counted, expected)
    const name = report.startMethod === 'spawn' ? 'forkserver (spawn)' : 'forkserver'
    assert.deepEqual(
      report.rows.map(({ way, processes, isSample }) => [way, processes, isSample]),
      [[name, 3, false], [name, 1, true], ['child_process.fork', 1, true], ['plain node', 1, true]],
    ) // biome-ignore format: a table
    checkFigures(report)
  })

  function checkFigures({ rows, startMethod, templateStartMs, templateBytes }: Report): void {
    const [all, own, ...peers] = rows as [Report['rows'][0], Report['rows'][0], ...Report['rows']]
    assert.equal(all.bytesIn, SOURCE.length + 'export const d = <p>text</p>\nexport declare const g: number\n'.length)
    assert.ok(all.bytesOut > SOURCE.length / 2)
    for (const row of rows) {
      assert.equal(row.msPerProcess, row.wallMs / row.processes)
      assert.ok(Math.abs(row.processesPerSecond * row.msPerProcess - 1000) < 1e-6)
      if (process.platform !== 'linux') continue
      assert.equal(row.memory!.samples, row.processes)
      assert.ok(row.memory!.pssBytes >= row.memory!.ownBytes && row.memory!.ownBytes > 0)
    }
    assert.deepEqual([all.forkserverTimesAsFast, own.forkserverTimesAsFast], [null, null])
    for (const peer of peers) {
      assert.equal(peer.bytesOut, own.bytesOut)
      assert.equal(peer.forkserverTimesAsFast, peer.wallMs / own.wallMs)
    }
    assert.ok(templateStartMs > 0)
    assert.equal(templateBytes !== null, startMethod === 'forkserver')
  }

  test('names each file that fails, does the others, and shows the table', async () => {
    await put('failing/a.ts')
    await put('failing/deep.ts', TOO_DEEP)
    await put('failing/z.ts')
    await symlink('nowhere', at('failing', 'dangling.ts'))
    const { exitCode, stdout, stderr } = await runDemo([at('failing'), '--sample', '0', '--concurrency', '1'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /^Could not transpile dangling\.ts: ENOENT: no such file or directory$/m)
    assert.match(stderr, /^Could not transpile deep\.ts: Maximum call stack size exceeded$/m)
    assert.doesNotMatch(stderr, /^ +at /m)
    assert.match(stdout, /^way +files +processes +wall time /m)
    assert.match(stdout, /^forkserver.* all 3 +3 /m)
    assert.match(stdout, /^One process at a time, /m)
    assert.match(stdout, /^2 files \(0\.1 kB\) in 2 processes of their own took /m)
  })

  test('spawns where it is asked to, says why, and says what it left out', async () => {
    await put('spawned/a.ts')
    await put('spawned/b.ts')
    const args = [at('spawned'), '--start-method', 'spawn', '--sample', '0', '--max-files', '1']
    const { exitCode, stdout, stderr } = await runDemo(args)
    assert.equal(exitCode, 0, stderr)
    assert.match(stdout, /^forkserver \(spawn\) +all 1 +1 /m)
    assert.match(stdout, /^There is no template: processes were spawned, not forked, because the option startMethod /m)
    assert.match(stdout, /^1 more file skipped; --all transpiles all\.$/m)
  })

  test('says at once what it will do and how long that takes, and then shows lines', async () => {
    for (let index = 0; index < 5; index++) await put(`planned/${index}.ts`)
    const some = await runDemo([at('planned'), '--max-files', '3', '--sample', '1', '--start-method', 'spawn'])
    const [plan, all, ...lines] = some.stderr.trim().split('\n')
    const folder = at('planned')
    assert.equal(
      plan!.replace(/\d+ s\.$/, 'n s.'),
      `Transpiling 3 of 5 TypeScript files of ${folder}, each in its own process, ` +
        'then 1 by child_process.fork and by plain node: about n s.',
    )
    assert.match(all!, /^With --all, all files: about \d+ s\.$/)
    const ways = ['forkserver (spawn)', 'child_process.fork', 'plain node']
    for (const way of ways) {
      const own = lines.filter((line) => line.startsWith(`${way}: `))
      assert.match(own[0]!.slice(way.length), /^: \d files? \.\.\.$/)
      assert.match(own.at(-1)!.slice(way.length), /^: (\d) of \1, \d+\.\d s$/)
    }
    const whole = await runDemo([at('planned'), '--max-files', '3', '--all', '--sample', '0', '--json'])
    assert.equal((JSON.parse(whole.stdout) as Report).files, 5)
    assert.match(whole.stderr, /^Transpiling 5 TypeScript files of \S+, each in its own process: about \d+ s\.\n/)
    assert.doesNotMatch(whole.stderr, /With --all/)
  })

  test('without options, it takes so few files that two cores are done within 20 s', () => {
    const options = { folder: '/a', concurrency: 2, sample: 12, maxFiles: 300, startMethod: 'forkserver' } as const
    const said = (found: number, more: object = {}): number => {
      const [, seconds] = /: about (\d+) s\./.exec(formatPlan({ ...options, ...more }, found, 2)) ?? []
      return Number(seconds)
    }
    assert.ok(said(100_000) <= 20)
    assert.ok(said(10) < said(300) && said(300) < said(300, { concurrency: 1 }))
    assert.ok(said(300) < said(300, { startMethod: 'spawn' }))
    assert.match(formatPlan({ ...options, maxFiles: Number.POSITIVE_INFINITY }, 100_000, 2), /: about \d+ min\.$/)
  })

  test('refuses what is no folder of a TypeScript project', async () => {
    await put('empty/a.js')
    await mkdir(at('broken'))
    await symlink('nowhere', at('broken', 'a.ts'))
    assertRefused(await runDemo([at('none')]), `There is no folder ${at('none')}.\n`)
    const file = at('empty', 'a.js')
    assertRefused(await runDemo([file]), `${file} is a file. Name the folder of a TypeScript project.\n`)
    assertRefused(await runDemo([at('empty')]), `There are no TypeScript files in ${at('empty')}.\n`)
    const broken = 'Could not transpile a.ts: ENOENT: no such file or directory\n'
    assertRefused(await runDemo([at('broken')]), broken)
  })

  const isRoot = process.getuid?.() === 0
  test('names files and folders that may not be read', { skip: isRoot && 'root may read everything' }, async () => {
    await put('closed/a.ts')
    await put('closed/b/c.ts')
    await chmod(at('closed', 'a.ts'), 0)
    await chmod(at('closed', 'b'), 0)
    const { exitCode, stdout, stderr } = await runDemo([at('closed')])
    await chmod(at('closed', 'b'), 0o700)
    assert.equal(exitCode, 1)
    assert.equal(stdout, '')
    assert.match(stderr, /^Could not transpile a\.ts: EACCES: permission denied/m)
    assert.match(stderr, /^Could not transpile b: EACCES: permission denied$/m)
  })

  test('refuses options that do not exist or cannot be', async () => {
    assertRefused(
      await runDemo(['--concurency', '1']),
      "error: unknown option '--concurency'\n(Did you mean --concurrency?)\n",
    )
    const { exitCode, stderr } = await runDemo(['--concurrency', 'x'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /It must be an integer from 1 to 256\.$/m)
    const { exitCode: helped, stdout } = await runDemo(['--help'])
    assert.equal(helped, 0)
    assert.match(stdout, /^Usage: npm run demo -- \[options\] \[folder\]$/m)
  })

  test('stops at Ctrl-C, before the template is ready and in the midst of the work', async () => {
    for (let index = 0; index < 300; index++) await put(`many/${index}.ts`)
    for (const said of ['Transpiling 300', 'forkserver: 300 files']) {
      const { exitCode, stdout, stderr } = await runDemo([at('many')], said)
      assert.equal(exitCode, 130)
      assert.equal(stdout, '')
      assert.match(stderr, /\nStopped by SIGINT\.\n$/)
      assert.doesNotMatch(stderr, /^Could not|^child_process/m)
    }
  })
})
