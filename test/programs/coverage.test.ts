// Runs in: the test runner. NODE_V8_COVERAGE of a forked child: the files that plain node writes, with the same
// counters, however the process ends, whether or not its template was to count too.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ForkServer, Process, program } from 'forkserver'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const FIXTURES = path.join(ROOT, 'test', 'fixtures', 'coverage')
const PROGRAM = path.join(FIXTURES, 'program.cjs')
const HALF = path.join(FIXTURES, 'half.cjs')
const OWNER = fileURLToPath(new URL('../fixtures/coverage/owner.js', import.meta.url))

const ENDS = [
  'returns', 'exits', 'loops', 'throws', 'rejects', 'throwsInExitListener', 'exitsInExitListener', 'throwsInHandler',
  'terminates', 'kills', 'handlesSignal', 'aborts', 'takesTwice', 'stops', 'showsFolder',
] // biome-ignore format: a table

interface Functions {
  functionName: string
  ranges: { startOffset: number; endOffset: number; count: number }[]
}

/** What one file of a process says of the two modules. */
type Counted = Record<string, Functions[]>

interface Ended {
  exitCode: number | null
  signal: string | null
  stdout: string
  files: Counted[]
}

let folder = ''
let count = 0
const environment = (coverage: string): Record<string, string> => ({
  PATH: process.env.PATH ?? '',
  NODE_V8_COVERAGE: coverage,
})

function readCounted(cwd: string, pid: number): Counted[] {
  const written = path.join(cwd, 'coverage')
  if (!existsSync(written)) return []
  return readdirSync(written)
    .sort()
    .map((name) => {
      assert.match(name, new RegExp(`^coverage-${pid}-\\d+-0\\.json$`))
      const { result } = JSON.parse(readFileSync(path.join(written, name), 'utf8')) as {
        result: { url: string; functions: Functions[] }[]
      }
      return Object.fromEntries(
        result
          .filter(({ url }) => url.startsWith(pathToFileURL(FIXTURES).href))
          .map(({ url, functions }) => [path.basename(url), functions])
          .sort(),
      )
    })
}

async function read(stream: AsyncIterable<unknown> | null): Promise<string> {
  let text = ''
  for await (const chunk of stream!) text += String(chunk)
  return text
}

async function runPlain(end: string): Promise<Ended> {
  const cwd = mkdtempSync(path.join(folder, `${count++}-`))
  const child = spawn(process.execPath, [PROGRAM, end], {
    cwd,
    env: environment('coverage'),
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const exited = new Promise<[number | null, string | null]>((resolve) =>
    child.on('exit', (...how) => resolve(how as [number | null, string | null])),
  )
  const stdout = await read(child.stdout)
  const [exitCode, signal] = await exited
  return { exitCode, signal, stdout: stdout.replace(cwd, 'CWD'), files: readCounted(cwd, child.pid!) }
}

async function runForked(server: ForkServer, end: string): Promise<Ended> {
  const cwd = mkdtempSync(path.join(folder, `${count++}-`))
  const p = await new Process(program(PROGRAM), [end], {
    server,
    cwd,
    env: environment('coverage'),
    stdio: ['ignore', 'pipe', 'ignore'],
  }).start()
  p.result.catch(() => {}) // its exit is what counts here
  const stdout = await read(p.stdout)
  const { exitCode, signal } = await p.join()
  return { exitCode, signal, stdout: stdout.replace(cwd, 'CWD'), files: readCounted(cwd, p.pid!) }
}

before(() => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-coverage-')))
})
after(() => rmSync(folder, { recursive: true }))

describe('the coverage of a program is what plain node writes', () => {
  const plain = new Map<string, Ended>()
  before(async () => {
    for (const end of ENDS) plain.set(end, await runPlain(end))
  })

  test('and the comparison compares something', () => {
    const { files } = plain.get('returns')!
    assert.equal(files.length, 1)
    assert.deepEqual(Object.keys(files[0]!), ['half.cjs', 'program.cjs'])
    const uncalled = files[0]!['half.cjs']!.find(({ functionName }) => functionName === 'exports.unused')
    assert.equal(uncalled?.ranges[0]?.count, 0)
    assert.equal(plain.get('takesTwice')!.files.length, 2)
    assert.deepEqual(plain.get('kills')!.signal, 'SIGKILL')
  })

  const templates = {
    'a template without the variable': () => ForkServer.start({ env: {} }),
    'a template with the variable': () => ForkServer.start({ env: environment('templates') }),
    'one that counted a preloaded module': () => ForkServer.start({ env: environment('templates'), preload: [HALF] }),
  }
  for (const [name, start] of Object.entries(templates)) {
    test(`of children of ${name}`, async (t) => {
      await using server = await start()
      for (const end of ENDS) {
        await t.test(end, async () => assert.deepEqual(await runForked(server, end), plain.get(end)))
      }
      assert.equal(existsSync('templates'), false, 'the template writes nothing')
    })
  }

  test('but where only the child has the variable, a preloaded module counts from its birth', async () => {
    await using server = await ForkServer.start({ env: {}, preload: [HALF] })
    const { files } = await runForked(server, 'returns')
    const whole = plain.get('returns')!.files[0]!
    assert.deepEqual(files[0]!['program.cjs'], whole['program.cjs'])
    const counts = (functions: Functions[]): Record<string, number> =>
      Object.fromEntries(functions.map(({ functionName, ranges }) => [functionName, ranges[0]!.count]))
    const called = Object.entries(counts(whole['half.cjs']!)).filter(([name, calls]) => name !== '' && calls > 0)
    assert.deepEqual(counts(files[0]!['half.cjs']!), Object.fromEntries(called), 'only what was called here is told')
  })
})

describe('an owner under NODE_V8_COVERAGE', () => {
  test('gets one file for itself and one for each child, and none for the template', async () => {
    const written = mkdtempSync(path.join(folder, 'owner-'))
    const owner = spawn(process.execPath, [OWNER, PROGRAM, 'returns', 'throws', 'exits'], {
      env: { ...process.env, ...environment(written) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exited = new Promise((resolve) => owner.on('exit', resolve))
    let text = ''
    for await (const chunk of owner.stdout) text += String(chunk)
    assert.equal(await exited, 0)
    const told = JSON.parse(text) as { owner: number; pids: number[] }
    const pids = readdirSync(written).map((name) => Number(/^coverage-(\d+)-/.exec(name)![1]))
    assert.deepEqual(pids.sort(), [told.owner, ...told.pids].sort())
  })

  test('a child without the variable writes nothing, and v8.takeCoverage() neither', async () => {
    const written = path.join(folder, 'unwanted')
    await using server = await ForkServer.start({ env: environment(written) })
    const p = await new Process(program(PROGRAM), ['takesTwice'], { server, env: {}, stdio: 'ignore' }).start()
    assert.equal((await p.join()).exitCode, 0)
    assert.equal(existsSync(written), false)
  })

  test('a folder that cannot be made is told on stderr, and the exit code stays', async () => {
    const file = path.join(folder, 'a file')
    writeFileSync(file, '')
    await using server = await ForkServer.start({ env: {} })
    const p = await new Process(program(PROGRAM), ['exits'], {
      server,
      env: environment(path.join(file, 'below')),
      stdio: ['ignore', 'ignore', 'pipe'],
    }).start()
    assert.match(await read(p.stderr), /^ENOTDIR: Failed to /)
    assert.equal((await p.join()).exitCode, 3)
  })
})
