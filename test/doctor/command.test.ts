// Runs in: the test runner. `forkserver doctor`, run as a user runs it, where something is missing or different.
import assert from 'node:assert/strict'
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Diagnosis } from '#src/doctor/diagnosis.js'
import { findNative } from '#src/platform/native.js'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const LIMIT = { timeout: 240_000 }
const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const COMMAND = path.join(ROOT, 'bin', 'forkserver.mjs')
const skip = 'missing' in findNative() && 'without the addon there is no template'
const isRoot = process.getuid?.() === 0

interface Ended {
  exitCode: number | null
  stdout: string
  stderr: string
}

async function run(command: string, args: readonly string[], options: SpawnOptions = {}): Promise<Ended> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended: Ended = { exitCode: null, stdout: '', stderr: '' }
  child.stdout!.on('data', (chunk) => {
    ended.stdout += String(chunk)
  })
  child.stderr!.on('data', (chunk) => {
    ended.stderr += String(chunk)
  })
  ended.exitCode = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve))
  return ended
}

const doctor = (args: readonly string[], options?: SpawnOptions): Promise<Ended> =>
  run(process.execPath, [COMMAND, 'doctor', ...args], options)

const diagnosisOf = ({ stdout }: Ended): Diagnosis => JSON.parse(stdout) as Diagnosis

const problemsOf = ({ findings }: Diagnosis): string[] =>
  findings.filter(({ level }) => level === 'problem').map(({ text }) => text)

describe('on this machine', { ...LIMIT, skip }, () => {
  test('--json has what is here, and the exit code is 0', async () => {
    const ended = await doctor(['--json'])
    assert.equal(ended.stderr, '')
    assert.equal(ended.exitCode, 0)
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }
    const found = diagnosisOf(ended)
    assert.deepEqual(problemsOf(found), [])
    assert.deepEqual(
      [found.forkserver, found.node, found.platform, found.uid, found.thread, found.startMethod, found.spawnReason],
      [version, process.version, `linux-${process.arch}`, process.getuid!(), 'main', 'forkserver', null],
    )
    assert.equal(found.kernel, `Linux ${os.release()}`)
    assert.match(found.libc, /^glibc 2\.\d+$/)
    assert.match(found.addon!, /\.node$/)
    const { serverMs, startMs, resultMs, templateBytes } = found.trial!
    assert.ok(serverMs > 0 && resultMs >= startMs && startMs > 0 && templateBytes! > 2 ** 20)
    const files = found.limits.find(({ name }) => name === 'open files')!
    const { 1: soft } = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))!
    assert.equal(String(files.value), soft)
  })

  test('the page has all of it, one fact a line', async () => {
    const { stdout, exitCode } = await doctor([])
    assert.equal(exitCode, 0)
    const names = stdout
      .split('\n\n')[0]!
      .split('\n')
      .map((line) => line.slice(0, 13).trim())
    const rows = ['forkserver', 'Node', 'kernel', 'C library', 'addon', 'start method', 'trial', 'execArgv']
    const more = ['NODE_OPTIONS', 'of templates', 'left out', 'open files', 'processes', 'pids', 'memory']
    assert.deepEqual(names, [...rows, ...more, 'temp folder', 'ptrace by'])
    assert.match(stdout, /^start method {2}forkserver$/m)
    assert.match(stdout, /^trial {9}server [\d.]+ ms \(template: \d+ MiB\); process [\d.]+ ms, its result [\d.]+ ms/m)
  })

  test('flags and NODE_OPTIONS: what templates get, and what is left out', async () => {
    const env = { ...process.env, NODE_OPTIONS: '--stack-trace-limit=7' }
    const own = ['--max-old-space-size=300', '--cpu-prof']
    const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-doctor-'))
    try {
      const found = diagnosisOf(
        await run(process.execPath, [...own, COMMAND, 'doctor', '--json'], { env, cwd: folder }),
      )
      assert.deepEqual(found.execArgv, own)
      assert.deepEqual(found.templateFlags, ['--max-old-space-size=300'])
      assert.equal(found.nodeOptions, '--stack-trace-limit=7')
      assert.equal(found.templateNodeOptions, '--stack-trace-limit=7')
      assert.deepEqual(found.leftOut, ['--cpu-prof'])
      assert.equal(found.startMethod, 'forkserver')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test('a low limit of open files is a warning, and no problem', async () => {
    const text = `ulimit -n 200; exec "$0" "$1" doctor --json`
    const ended = await run('sh', ['-c', text, process.execPath, COMMAND])
    const { findings, limits } = diagnosisOf(ended)
    assert.equal(limits.find(({ name }) => name === 'open files')!.value, 200)
    assert.match(findings[0]!.text, /may open 200 files.*ulimit -n/)
    assert.deepEqual([findings[0]!.level, ended.exitCode], ['warning', 0])
  })

  test('a temp folder that does not exist is a warning', async () => {
    const env: NodeJS.ProcessEnv = { ...process.env, TMPDIR: '/nonexistent/folder' }
    delete env.XDG_RUNTIME_DIR
    const ended = await doctor(['--json'], { env })
    const { findings, temporaryFolder } = diagnosisOf(ended)
    assert.match(findings[0]!.text, /cannot write to \/nonexistent\/folder.*socket file in \/tmp/)
    assert.deepEqual([temporaryFolder, ended.exitCode], ['/tmp', 0])
  })

  test('in a worker thread', async () => {
    const command = path.join(ROOT, 'dist', 'doctor', 'command.js')
    const worker = new Worker(command, { argv: ['doctor', '--json'], stdout: true })
    let stdout = ''
    worker.stdout.on('data', (chunk) => {
      stdout += String(chunk)
    })
    const exitCode = await new Promise((resolve) => worker.on('exit', resolve))
    const found = JSON.parse(stdout) as Diagnosis
    assert.deepEqual([exitCode, found.thread, found.startMethod], [0, 'worker', 'forkserver'])
    assert.deepEqual(problemsOf(found), [])
  })

  test('under tsx', async () => {
    const tsx = fileURLToPath(import.meta.resolve('tsx/cli'))
    const ended = await run(process.execPath, [tsx, COMMAND, 'doctor', '--json'])
    const found = diagnosisOf(ended)
    assert.ok(found.execArgv.some((flag) => flag.includes('tsx')))
    assert.deepEqual(found.templateFlags, found.execArgv)
    // Where tsx has its hooks in a thread, a template cannot be forked
    if (found.spawnReason === null) assert.deepEqual([found.startMethod, ended.exitCode], ['forkserver', 0])
    else {
      assert.match(found.spawnReason, /the loader hooks of module\.register/)
      assert.deepEqual([found.startMethod, ended.exitCode], ['spawn', 1])
    }
  })
})

/** A copy of the package without its addon, where any user can read it. */
function copyWithoutAddon(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-doctor-'))
  for (const name of ['dist', 'bin', 'package.json'])
    cpSync(path.join(ROOT, name), path.join(folder, name), { recursive: true })
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
  return folder
}

describe('where something is missing', LIMIT, () => {
  test('no addon: exit code 1, with the reason; processes are spawned', async () => {
    const folder = copyWithoutAddon()
    try {
      const ended = await run(process.execPath, [path.join(folder, 'bin', 'forkserver.mjs'), 'doctor', '--json'])
      const found = diagnosisOf(ended)
      assert.equal(ended.exitCode, 1)
      assert.equal(found.startMethod, 'spawn')
      assert.equal(found.addon, null)
      assert.ok(found.addonMissing)
      assert.equal(found.spawnReason, found.addonMissing)
      assert.deepEqual(problemsOf(found), [`Processes are spawned, not forked: ${found.addonMissing}.`])
      assert.ok(found.trial!.startMs > 0 && found.trial!.templateBytes === null)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  const canHideProc = isRoot && spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/proc']).status === 0
  test('no /proc', { skip: skip || (!canHideProc && 'only root can mount over /proc') }, async () => {
    const script = 'mount -t tmpfs none /proc && exec "$0" "$1" doctor --json'
    const ended = await run('unshare', ['-m', 'sh', '-c', script, process.execPath, COMMAND])
    const found = diagnosisOf(ended)
    assert.deepEqual([ended.exitCode, found.startMethod, found.addonMissing], [1, 'spawn', null])
    assert.match(found.spawnReason!, /\/proc is not mounted/)
    for (const { value, used } of found.limits.filter(({ name }) => name !== 'pids' && name !== 'memory'))
      assert.deepEqual([value, used], [null, undefined])
  })

  test('another user', { skip: skip || (!isRoot && 'only root can become another user') }, async () => {
    const env = { PATH: process.env.PATH, HOME: '/' }
    const ended = await doctor(['--json'], { uid: 65_534, gid: 65_534, env, cwd: '/' })
    const found = diagnosisOf(ended)
    assert.deepEqual([ended.exitCode, found.uid, found.startMethod], [0, 65_534, 'forkserver'])
  })

  test('nothing can be started: exit code 1, with the error', { skip }, async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-doctor-'))
    const script = 'cd "$2" && rmdir "$2" && exec "$0" "$1" doctor --json'
    const ended = await run('sh', ['-c', script, process.execPath, COMMAND, folder])
    const found = diagnosisOf(ended)
    assert.deepEqual([ended.exitCode, found.startMethod, found.trial], [1, null, null])
    assert.match(problemsOf(found)[0]!, /^No process could be started: ERR_INVALID_STATE: The working directory/)
  })
})

describe('the arguments', LIMIT, () => {
  test('--help and --version', async () => {
    const help = await run(process.execPath, [COMMAND, '--help'])
    assert.deepEqual([help.exitCode, help.stderr], [0, ''])
    assert.match(help.stdout, /^Usage: forkserver doctor \[--json\]/)
    const version = await run(process.execPath, [COMMAND, '--version'])
    assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/)
  })

  for (const args of [[], ['docter'], ['doctor', 'x'], ['doctor', '--jsn']]) {
    test(`'${args.join(' ')}' is wrong: the usage on stderr, and exit code 1`, async () => {
      const ended = await run(process.execPath, [COMMAND, ...args])
      assert.deepEqual([ended.exitCode, ended.stdout], [1, ''])
      assert.match(ended.stderr, /^forkserver: .+\n\nUsage: /)
    })
  }
})
