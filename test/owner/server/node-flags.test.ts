// Runs in: the test runner. Which flags a template gets of those that its owner has or asks for.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { FLAG_RULES, flagsOfSpawned, flagsOfTemplate } from '#src/owner/server/node-flags.js'

const VSCODE = '/home/me/.vscode/extensions/ms-vscode.js-debug/src/bootloader.js'
const JETBRAINS = '/opt/webstorm/plugins/javascript-plugin/js/debugConnector.js'

/** Flags as people write them, a list for each kind. */
const WRITTEN: Record<string, string[][]> = {
  inspector: [
    ['--inspect'],
    ['--inspect=0.0.0.0:9229'],
    ['--inspect-brk=0'],
    ['--inspect_brk'],
    ['--inspect-wait'],
    ['--inspect-port', '9230'],
    ['--inspect-publish-uid=http'],
    ['--debug-port=1'],
    ['--require', VSCODE],
    ['-r', VSCODE.replace('bootloader.js', 'bootloader.bundle.js')],
    [`--require=${JETBRAINS}`],
  ],
  profiler: [
    ['--cpu-prof'],
    ['--cpu-prof-dir', 'profiles'],
    ['--heap-prof-interval=512'],
    ['--prof'],
    ['--logfile=v8.log'],
    ['--trace-event-categories', 'v8,node'],
    ['--perf-basic-prof'],
  ],
  program: [
    ['-e', '1 + 1'],
    ['-p', '1'],
    ['--print', '1'],
    ['--eval=1'],
    ['--input-type=module'],
    ['-c'],
    ['-i'],
    ['--run=build'],
    ['--test'],
    ['--test-reporter', 'spec'],
    ['--experimental-test-coverage'],
    ['--watch'],
    ['--watch-path=src'],
    ['--build-snapshot'],
    ['--snapshot-blob', 'snapshot.blob'],
  ],
  'environment file': [['--env-file=.env'], ['--env-file-if-exists', '.env']],
}

for (const { kind, flags } of FLAG_RULES) WRITTEN[kind]?.push(...flags.map((flag) => [flag.replace('*', '')]))

/** Flags that count for every process, and names that begin like those above. */
const PASSED = [
  ['--import', 'tsx'],
  ['--require=./setup.cjs'],
  ['-r', './bootloader.js'],
  ['--enable-source-maps'],
  ['--max-old-space-size=100'],
  ['--stack-trace-limit', '50'],
  ['--profile-deserialization'],
  ['--conditions=development'],
  ['-C', 'development'],
  ['--experimental-strip-types'],
  ['--expose-gc'],
]

describe('what a template inherits', () => {
  test('flags that hold for every process, with their values', () => {
    const own = PASSED.flat()
    assert.deepEqual(flagsOfTemplate(undefined, own, undefined).execArgv, own)
    assert.deepEqual(flagsOfSpawned(undefined, own), own)
  })

  for (const [kind, flags] of Object.entries(WRITTEN)) {
    test(`no flag of the kind ${kind}, with its value`, () => {
      for (const flag of flags) {
        const around = ['--stack-trace-limit=5', ...flag, '--no-warnings']
        const { execArgv, loader } = flagsOfTemplate(undefined, around, undefined)
        assert.deepEqual([execArgv, loader], [['--stack-trace-limit=5', '--no-warnings'], undefined], flag.join(' '))
      }
    })

    test(`no flag of the kind ${kind} in NODE_OPTIONS, whatever the option execArgv says`, () => {
      for (const flag of flags) {
        const written = flag.map((word) => `"${word}"`).join(' ')
        const { nodeOptions } = flagsOfTemplate(['--no-warnings'], [], ` --expose-gc  ${written}`)
        assert.equal(nodeOptions, '--expose-gc', flag.join(' '))
      }
    })
  }

  test('NODE_OPTIONS stays as it was written if nothing is left out', () => {
    const written = '  --require "a b.cjs"   --expose-gc'
    assert.equal(flagsOfTemplate(undefined, [], written).nodeOptions, written)
    assert.equal(flagsOfTemplate(undefined, [], undefined).nodeOptions, undefined)
  })

  test('what was left out of a debugger or a profiler is told, and nothing else', () => {
    for (const kind of ['inspector', 'profiler'] as const) {
      const own = WRITTEN[kind]!
      const { leftOut } = flagsOfTemplate(undefined, own.flat(), '--inspect=1 --cpu-prof')
      const inVariable = kind === 'inspector' ? '--inspect=1' : '--cpu-prof'
      assert.deepEqual(leftOut[kind], [inVariable, ...own.map((words) => words.join(' '))])
    }
    const silent = [...WRITTEN.program!, ...WRITTEN['environment file']!].flat()
    assert.deepEqual(flagsOfTemplate(undefined, silent, undefined).leftOut, { inspector: [], profiler: [] })
    // The option execArgv replaces the owner's: those are not even looked at.
    assert.deepEqual(flagsOfTemplate([], ['--inspect'], undefined).leftOut.inspector, [])
  })

  test('a loader is told, wherever it stands: such a server spawns', () => {
    for (const flag of ['--loader', '--experimental-loader']) {
      assert.equal(flagsOfTemplate(undefined, [flag, 'ts-node/esm'], undefined).loader, `${flag} ts-node/esm`)
      assert.equal(flagsOfTemplate([`${flag}=x`], [], undefined).loader, `${flag}=x`)
      assert.equal(flagsOfTemplate([], [], `${flag} x`).loader, `${flag} x`)
      assert.deepEqual(flagsOfSpawned(undefined, [flag, 'x']), [flag, 'x'])
    }
  })
})

describe('the option execArgv', () => {
  for (const kind of ['inspector', 'profiler', 'program']) {
    test(`refuses flags of the kind ${kind}, and says why`, () => {
      const { because } = FLAG_RULES.find((rule) => rule.kind === kind && rule.flags.length > 0)!
      for (const flag of WRITTEN[kind]!)
        assert.throws(
          () => flagsOfTemplate(['--no-warnings', ...flag], [], undefined),
          ({ code, message }: Error & { code: string }) => code === 'ERR_INVALID_OPTION' && message.includes(because),
        )
    })
  }

  test('is taken as it is otherwise', () => {
    const given = [...PASSED.flat(), '--env-file=.env']
    assert.deepEqual(flagsOfTemplate(given, ['--expose-gc'], undefined).execArgv, given)
    assert.deepEqual(flagsOfTemplate([], ['--expose-gc'], undefined).execArgv, [])
  })

  test('may hold anything for the start method spawn', () => {
    assert.deepEqual(flagsOfSpawned(['--inspect=0', '--cpu-prof'], ['--expose-gc']), ['--inspect=0', '--cpu-prof'])
  })
})

test('a spawned process inherits no debugger, whose port is taken, and not the program', () => {
  const own = ['--inspect', '--cpu-prof', '-e', '1', '--watch', '--expose-gc']
  assert.deepEqual(flagsOfSpawned(undefined, own), ['--cpu-prof', '--expose-gc'])
})

describe('settings of flags that are not there', () => {
  // As Node 26 passes them to the process of a test.
  const own = [
    '--inspect-port=127.0.0.1:9229',
    '--report-signal=SIGUSR2',
    '--cpu-prof-interval=1000',
    '--v8-pool-size=4',
  ]

  test('are left out, and nobody is told', () => {
    const { execArgv, leftOut } = flagsOfTemplate(undefined, [...own, '--stack-trace-limit=20'], undefined)
    assert.deepEqual(execArgv, ['--stack-trace-limit=20'])
    assert.deepEqual(leftOut, { inspector: [], profiler: [] })
    assert.deepEqual(flagsOfSpawned(undefined, own), [])
  })

  test('stay with the flag that they belong to', () => {
    const both = ['--report-on-signal', '--report-signal=SIGUSR1']
    assert.deepEqual(flagsOfTemplate(undefined, both, undefined).execArgv, both)
    assert.deepEqual(flagsOfSpawned(undefined, ['--cpu-prof', '--cpu-prof-dir=x']), ['--cpu-prof', '--cpu-prof-dir=x'])
  })

  test('stay in the option execArgv', () => {
    assert.deepEqual(flagsOfTemplate(['--report-signal=SIGUSR1'], [], undefined).execArgv, ['--report-signal=SIGUSR1'])
  })
})
