// Runs in: the test runner. Programs in which a forked child is told from plain node, each with its cause. A test
// asserts that they still differ, so that a fix is noticed.

/** One cause, and the programs that show it. */
export interface Known {
  readonly cause: string
  /** Names of cases: test/support/programs.ts. */
  readonly programs: readonly string[]
  /** Whether it holds on this Node; absent: on all. */
  readonly isHere?: () => boolean
}

const [major, minor] = process.versions.node.split('.').map(Number) as [number, number]

export const KNOWN: readonly Known[] = [
  {
    cause:
      'an error thrown in a listener of process has a frame of forkserver in its stack, from around emit() and exit()',
    programs: [
      'exits/before-exit-throws.cjs',
      'exits/exit-codes.cjs 10',
      'exits/exit-codes.cjs 11',
      'exits/exit-codes.cjs 12',
      'exits/exit-listener-throws.cjs',
      'exits/exit-listener-throws-after-exit.cjs',
      'exits/rejection-handler-throws.cjs',
      'exits/uncaught-handler-throws.cjs',
      'exits/uncaught-monitor-throws.cjs',
    ],
  },
  {
    cause: 'process.emit is an own property of process, because the way out leads through it',
    programs: ['identity/process-properties.cjs'],
  },
  {
    cause: "Node reads this variable once, at its start, which was the template's",
    programs: [
      'features/ca-certificates.cjs',
      'features/node-options.cjs 1',
      'features/node-options.cjs 2',
      'stdio/debuglog.cjs',
    ],
  },
  {
    cause: 'a main CommonJS module runs in a callback of setImmediate(), whose async id and resource it sees',
    programs: ['identity/async-ids.cjs'],
  },
  {
    cause: "the kernel's command line and the report's are the template's",
    programs: ['identity/command-line.cjs', 'identity/report-fields.cjs'],
  },
  {
    cause: "the event loop's utilization counts from the start of the template's loop",
    programs: ['identity/event-loop-utilization.cjs'],
  },
  {
    cause: 'the template has loaded fetch, and forkserver its hooks: each keeps a symbol on the global object',
    programs: ['identity/globals-symbols.cjs'],
  },
  {
    cause: "a child leaves by _exit, without Node's teardown, which is what --trace-exit watches",
    programs: ['exits/trace-exit.cjs'],
  },
  {
    cause: 'what --eval, stdin, --require and --import name is run by forkserver: other frames below the first',
    programs: [
      'modules/eval-syntax.cjs',
      'modules/eval-throws.cjs',
      'modules/required-fails.cjs',
      'modules/required-missing.cjs',
      'modules/stdin-program-throws.cjs',
    ],
  },
  {
    cause: 'the same, for a module; and before Node 22.15 no code can be evaluated as a module in a child',
    programs: ['modules/eval-module-throws.mjs'],
  },
  {
    cause: 'before Node 22.15 no code can be evaluated as a module in a child',
    programs: ['modules/eval-module.mjs'],
    isHere: () => major < 22 || (major === 22 && minor < 15),
  },
  {
    cause: 'the lowest frame of a module that --import names is of forkserver',
    programs: ['modules/imported-fails.mjs'],
    isHere: () => major < 22,
  },
]
