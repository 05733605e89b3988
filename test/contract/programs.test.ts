// Runs in: the test runner. A whole program as a child's main does what plain Node makes of the same command line.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import path from 'node:path'
import { test } from 'node:test'
import { ChildError, Process, type Program, program, UsageError } from 'forkserver'
import { contract, read } from './contract.js'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const FOLDER = path.join(ROOT, 'test/fixtures/contract/programs')
const EVALUATED =
  'console.log(process.argv.slice(1), __filename, module.id, typeof require("fs").statSync, this === globalThis)'
const IMPORTING = 'import("./imported.mjs").then((namespace) => console.log(Object.keys(namespace)))'
const HAS_MODULE_HOOKS = 'registerHooks' in (await import('node:module')).default

interface Scenario {
  name: string
  program: Program
  args?: string[]
  /** What plain Node is given; default: the program's name. */
  command?: string[]
  stdin?: string
  skip?: boolean
}

const SCENARIOS: readonly Scenario[] = [
  { name: 'a CommonJS script', program: program('main.cjs'), args: ['a', '--b=c', ''], command: ['main.cjs'] },
  { name: 'a script that throws', program: program('./main.cjs'), args: ['throw'], command: ['./main.cjs'] },
  { name: 'a module', program: program('main.mjs'), args: ['--flag'], command: ['main.mjs'] },
  { name: 'a module that never settles', program: program('main.mjs'), args: ['wait'], command: ['main.mjs'] },
  { name: 'a module that rejects', program: program('main.mjs'), args: ['reject'], command: ['main.mjs'] },
  { name: 'a script without its extension', program: program('main'), command: ['main'] },
  { name: 'a script that is not there', program: program('nowhere.js'), command: ['nowhere.js'] },
  {
    name: 'with --require and --import',
    program: program('main.cjs', { require: ['./required.cjs'], import: ['./imported.mjs'] }),
    args: ['preloaded'],
    command: ['--require', './required.cjs', '--import', './imported.mjs', 'main.cjs'],
  },
  {
    name: 'with --require of nothing',
    program: program('main.cjs', { require: ['./nowhere.cjs'] }),
    command: ['--require', './nowhere.cjs', 'main.cjs'],
  },
  { name: 'code', program: program({ eval: EVALUATED }), args: ['x'], command: ['--eval', EVALUATED, '--'] },
  { name: 'code that imports', program: program({ eval: IMPORTING }), command: ['--eval', IMPORTING] },
  { name: 'no code', program: program({ eval: '' }), command: ['--eval', ''] },
  {
    name: 'code of a module',
    program: program({ eval: 'import "./imported.mjs"; console.log(import.meta.url)', inputType: 'module' }),
    command: ['--input-type=module', '--eval', 'import "./imported.mjs"; console.log(import.meta.url)'],
    skip: !HAS_MODULE_HOOKS,
  },
  { name: 'stdin', program: program({ stdin: true }), args: ['x'], command: ['-'], stdin: EVALUATED },
]

interface Ending {
  stdout: string
  stderr: string
  exit: { exitCode: number | null; signal: NodeJS.Signals | null }
}

async function runPlainly({ command = [], args = [], stdin = '' }: Scenario): Promise<Ending> {
  const child = spawn(process.execPath, [...command, ...args], { cwd: FOLDER })
  child.stdin.end(stdin)
  const exited = new Promise<Ending['exit']>((resolve) => {
    child.on('exit', (exitCode, signal) => resolve({ exitCode, signal }))
  })
  const [stdout, stderr, exit] = await Promise.all([read(child.stdout), read(child.stderr), exited])
  return { stdout, stderr, exit }
}

/** Below its main Node has frames of its own; a child has the loop's there, and for code one of ours. */
function withoutBottom({ stdout, stderr, exit }: Ending): Ending {
  const bottom =
    /^ +at (?:node:internal\/main\/|.*node:internal\/process\/|process\.processImmediate |.*\/dist\/child\/).*\n/gm
  return {
    exit,
    stdout: stdout.replace(bottom, ''),
    stderr: stderr.replace(bottom, '').replace(/\(node:\d+\)/g, '(node:PID)'),
  }
}

const plainly = new Map<Scenario, Promise<Ending>>()

// Node 24 and later run this test with a dozen flags, which its children would inherit.
const OPTIONS = { execArgv: [] }

contract(
  'runs a program as plain Node does',
  (site) => {
    for (const scenario of SCENARIOS) {
      test(scenario.name, { skip: scenario.skip ?? false }, async () => {
        const known = plainly.get(scenario) ?? runPlainly(scenario)
        plainly.set(scenario, known)
        const options = { server: site.server, cwd: FOLDER, stdio: 'pipe' as const }
        const p = await new Process(scenario.program, scenario.args ?? [], options).start()
        p.stdin?.end(scenario.stdin ?? '')
        const settled = p.result.then(
          (value) => value === undefined,
          (error: Error) => error,
        )
        const [stdout, stderr] = await Promise.all([read(p.stdout), read(p.stderr)])
        const { exitCode, signal } = await p.join()
        const plain = await known
        assert.deepEqual(withoutBottom({ stdout, stderr, exit: { exitCode, signal } }), withoutBottom(plain))
        const result = await settled
        assert.ok(plain.exit.exitCode === 0 ? result === true : result instanceof Error, String(result))
      })
    }

    test('its result is undefined behind an exit with 0, what it threw, or that it died', async () => {
      const resultOf = async (code: string): Promise<unknown> => {
        const options = { server: site.server, stdio: 'ignore' as const }
        const p = await new Process(program({ eval: code }), [], options).start()
        return p.result.catch((error: unknown) => error)
      }
      assert.equal(await resultOf('setTimeout(() => {}, 5)'), undefined)
      const thrown = await resultOf('throw Object.assign(new RangeError("no"), { code: "E_NO" })')
      assert.ok(thrown instanceof RangeError && 'code' in thrown && thrown.code === 'E_NO')
      const died = await resultOf('process.exit(3)')
      assert.ok(died instanceof ChildError && died.code === 'ERR_CHILD_DIED' && died.exitCode === 3)
      assert.match(died.message, /^Program \d+ exited with code 3\. Its stderr/)
    })

    test('takes strings only, and main as a path, a file URL, code, or stdin', () => {
      const refused = (call: () => unknown, says: RegExp): void =>
        assert.throws(call, (error) => error instanceof UsageError && says.test(error.message))
      // @ts-expect-error a number is no argument of a command line
      refused(() => new Process(program('main.cjs'), [1], { server: site.server }), /number 0 is 1/)
      refused(() => new Process(program('main.cjs'), ['a\0b'], { server: site.server }), /without NUL/)
      refused(() => program(''), /pass the path of a script/)
      refused(() => program(new URL('https://example.com/main.js')), /names no file/)
      // @ts-expect-error there is no such option
      refused(() => program('main.cjs', { requires: ['x'] }), /requires/)
      // @ts-expect-error it is neither code nor stdin
      refused(() => program({ print: '1' }), /print/)
    })
  },
  OPTIONS,
)
