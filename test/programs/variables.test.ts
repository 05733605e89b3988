// Runs in: the test runner. Variables that Node reads at its start: which of them count in a child whose template has
// them otherwise, and that its owner is warned of the others. docs/FORK_SAFETY.md has the table, which this one is
// compared with.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { ForkServer, Process, program } from 'forkserver'
import { START_VARIABLES } from '#src/wire/environment.js'
import { watchLeaks } from '../support/leaks.js'
import { applies } from '../support/programs.js'

watchLeaks()

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const BASE = { PATH: process.env.PATH ?? '', TERM: 'xterm-256color', HTTP_PROXY: 'http://127.0.0.1:1' }

/** A variable, a value, and code whose output tells whether Node heeds it. */
interface Probe {
  readonly name: string
  readonly value: string
  readonly code: string
  readonly since?: string
}

const colors = 'console.log(require("tty").WriteStream.prototype.getColorDepth.call({}, process.env))'
const locale =
  'console.log((1234.5).toLocaleString(), new Date(0).toLocaleDateString(), ' +
  'Intl.NumberFormat().resolvedOptions().locale)'
const threads =
  'const fs = require("fs"); const n = () => fs.readdirSync("/proc/self/task").length; ' +
  'const n0 = n(); fs.stat("/", () => console.log(n() - n0))'
const symlink =
  'const fs = require("fs"); fs.writeFileSync("a.cjs", "console.log(__filename)"); ' +
  'fs.symlinkSync("a.cjs", "b.cjs"); require("./b.cjs")'

const OF_THE_CHILD: readonly Probe[] = [
  { name: 'NODE_PATH', value: '/somewhere', code: 'console.log(require("module").globalPaths)' },
  { name: 'NODE_NO_WARNINGS', value: '1', code: 'process.emitWarning("a warning")' },
  {
    name: 'NODE_TLS_REJECT_UNAUTHORIZED',
    value: '0',
    code: 'require("tls").connect(1).on("error", () => console.log("refused"))',
  },
  { name: 'TZ', value: 'Asia/Kolkata', code: 'console.log(String(new Date(0)))' },
  { name: 'LC_ALL', value: 'de_DE.UTF-8', code: locale },
  { name: 'LC_MESSAGES', value: 'fr_FR', code: locale },
  { name: 'LANG', value: 'sv_SE.UTF-8', code: locale },
  { name: 'FORCE_COLOR', value: '1', code: colors },
  { name: 'NO_COLOR', value: '1', code: colors },
  { name: 'NODE_DISABLE_COLORS', value: '1', code: colors },
  { name: 'UV_THREADPOOL_SIZE', value: '7', code: threads },
  { name: 'NODE_V8_COVERAGE', value: '.', code: 'console.log(process.env.NODE_V8_COVERAGE)' },
]

const OF_THE_TEMPLATE: readonly Probe[] = [
  { name: 'NODE_OPTIONS', value: '--stack-trace-limit=3', code: 'console.log(Error.stackTraceLimit)' },
  { name: 'NODE_DEBUG', value: 'mine', code: 'require("util").debuglog("mine")("hello")' },
  { name: 'NODE_PENDING_DEPRECATION', value: '1', code: 'process.binding("config")' },
  { name: 'NODE_REDIRECT_WARNINGS', value: 'warnings', code: 'process.emitWarning("a warning")' },
  { name: 'NODE_EXTRA_CA_CERTS', value: '/not/there.pem', code: 'require("tls").createSecureContext()' },
  {
    name: 'NODE_USE_SYSTEM_CA',
    value: '1',
    code: 'console.log(require("tls").getCACertificates("default").length)',
    since: '24.6',
  },
  {
    name: 'NODE_USE_ENV_PROXY',
    value: '1',
    code: 'console.log(require("http").globalAgent.options.proxyEnv !== undefined)',
    since: '24.5',
  },
  {
    name: 'NODE_COMPILE_CACHE',
    value: 'cache',
    code: 'console.log(require("module").getCompileCacheDir() !== undefined)',
    since: '22.1',
  },
  { name: 'NODE_PRESERVE_SYMLINKS', value: '1', code: symlink },
]

let folder = ''
let count = 0
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-variables-'))
})
after(() => rmSync(folder, { recursive: true }))

async function read(stream: AsyncIterable<unknown> | null): Promise<string> {
  let text = ''
  for await (const chunk of stream!) text += String(chunk)
  return text
}

/** What a process wrote and how it ended, without what differs between any two. */
async function seen(p: { stdout: unknown; stderr: unknown }, pid: number, cwd: string, exit: () => Promise<unknown>) {
  const outputs = [p.stdout, p.stderr].map((stream) => read(stream as AsyncIterable<unknown>))
  const [stdout, stderr] = await Promise.all(outputs)
  const clean = (text: string): string => text.replaceAll(cwd, 'CWD').replaceAll(String(pid), 'PID')
  return { stdout: clean(stdout!), stderr: clean(stderr!), exitCode: await exit() }
}

const stdio = ['ignore', 'pipe', 'pipe'] as const
const newFolder = (): string => mkdtempSync(path.join(folder, `${count++}-`))

async function runPlain(code: string, env: Record<string, string>): Promise<object> {
  const cwd = newFolder()
  const child = spawn(process.execPath, ['-e', code], { cwd, env: { ...BASE, ...env }, stdio: [...stdio] })
  const exited = new Promise((resolve) => child.on('exit', resolve))
  return seen(child, child.pid!, cwd, () => exited)
}

async function runForked(server: ForkServer, code: string, env: Record<string, string>): Promise<object> {
  const cwd = newFolder()
  const p = await new Process(program({ eval: code }), [], { server, cwd, env: { ...BASE, ...env }, stdio }).start()
  p.result.catch(() => {})
  return seen(p, p.pid!, cwd, async () => (await p.join()).exitCode)
}

const isHere = (probe: Probe): boolean => applies({ ...probe, file: '' })

describe('a variable of a child', () => {
  let server: ForkServer
  before(async () => {
    // What is asked for in the template is not the child's: V8 and libuv keep what they were asked for first.
    const preload = [path.join(ROOT, 'test', 'fixtures', 'variables', 'asks-early.cjs')]
    server = await ForkServer.start({ env: { ...BASE }, preload })
  })
  after(() => server.close())

  for (const probe of OF_THE_CHILD) {
    const { name, value, code } = probe
    test(`${name} counts`, { skip: !isHere(probe) && `needs Node ${probe.since}` }, async () => {
      const plain = await runPlain(code, { [name]: value })
      assert.notDeepEqual(await runPlain(code, {}), plain, 'the probe sees nothing')
      assert.deepEqual(await runForked(server, code, { [name]: value }), plain)
    })
  }

  for (const probe of OF_THE_TEMPLATE) {
    const { name, value, code } = probe
    test(`${name} does not count, and the owner is told`, {
      skip: !isHere(probe) && `needs Node ${probe.since}`,
    }, async () => {
      const without = await runPlain(code, {})
      assert.notDeepEqual(await runPlain(code, { [name]: value }), without, 'the probe sees nothing')
      const told: (Error & { code?: string })[] = []
      const listen = (warning: Error): void => void told.push(warning)
      process.on('warning', listen)
      try {
        assert.deepEqual(await runForked(server, code, { [name]: value }), without)
        assert.deepEqual(await runForked(server, code, { [name]: value }), without)
      } finally {
        process.off('warning', listen)
      }
      assert.deepEqual(
        told.map(({ code }) => code),
        ['FORKSERVER_ENVIRONMENT'],
        'once',
      )
      assert.match(told[0]!.message, new RegExp(`The ${name} of a process differs from that of its template`))
    })
  }
})

describe('the tables', () => {
  test("START_VARIABLES are those that are measured as the template's", () => {
    assert.deepEqual([...START_VARIABLES].sort(), OF_THE_TEMPLATE.map(({ name }) => name).sort())
  })

  test('docs/FORK_SAFETY.md has these rows', () => {
    const text = readFileSync(path.join(ROOT, 'docs', 'FORK_SAFETY.md'), 'utf8')
    const rows = [...text.matchAll(/^\| (`[A-Z_`, 0-9]+`) \| (the child's|the template's) \|/gm)]
    const listed = (whose: string): string[] =>
      rows.flatMap(([, names, of]) => (of === whose ? names!.match(/\w+/g)! : [])).sort()
    assert.deepEqual(listed("the child's"), OF_THE_CHILD.map(({ name }) => name).sort())
    assert.deepEqual(listed("the template's"), [...START_VARIABLES].sort())
  })
})
