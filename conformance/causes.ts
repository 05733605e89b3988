// Runs in: a tool process and the test runner. Why tests of Node's fail in a forked child: written by hand, after each was looked at.

/** One cause, and the tests that show it. */
export interface Cause {
  readonly cause: string
  /** Names of tests, without folder and ending. */
  readonly tests: readonly string[]
}

export const CAUSES: readonly Cause[] = [
  {
    cause:
      "The test changes a part of Node, or looks at its first use, and then loads the module that uses it. The template has loaded Node's common modules already.",
    tests: [
      'test-bootstrap-modules',
      'test-code-cache',
      'test-http-parser-lazy-loaded',
      'test-os-checked-function',
      'test-tls-clientcertengine-unsupported',
      'test-tls-keyengine-unsupported',
      'test-zlib-brotli-kmaxlength-rangeerror',
      'test-zlib-kmaxlength-rangeerror',
      'test-zlib-zstd-kmaxlength-rangeerror',
    ],
  },
  {
    cause:
      "A main CommonJS module runs in a callback of setImmediate(): its async id is not 1, and it has a hook's `after`.",
    tests: [
      'test-async-hooks-disable-during-promise',
      'test-async-hooks-promise',
      'test-async-hooks-promise-triggerid',
      'test-async-hooks-top-level-clearimmediate',
      'test-async-wrap-promise-after-enabled',
    ],
  },
  {
    cause:
      "V8's flags are part of what it checks cached code by, and a template has some of its own: cached code of plain Node is not accepted in a child, and the other way round.",
    tests: ['test-vm-cached-data'],
  },
  {
    cause:
      'The test needs all of a heap of 10 or 20 MB (--max-old-space-size), of which the template has filled a part with what it has loaded.',
    tests: ['test-shadow-realm-gc', 'test-source-map-cjs-require-cache'],
  },
  {
    cause: "The inspector names the main context by the process id that it had at Node's start, the template's.",
    tests: ['test-inspector-contexts'],
  },
  {
    cause: "A worker's performance.timeOrigin comes from the template's clock.",
    tests: ['test-perf-hooks-worker-timeorigin'],
  },
  {
    cause: "The milestones of performance.nodeTiming before the child's birth are one moment.",
    tests: ['test-performance-nodetiming'],
  },
]

/** The cause of a test's failure, or that nobody has found it yet. */
export function causeOf(name: string): string {
  const test = name.replace(/^.*\//, '').replace(/\.\w+$/, '')
  return CAUSES.find(({ tests }) => tests.includes(test))?.cause ?? 'Not looked into yet.'
}
