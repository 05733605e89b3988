// Runs in: a tool process and the test runner. Why some of Node's tests fail in a forked child. Written by hand, after
// looking at each test.

/** One cause, and the tests that fail for it. */
export interface Cause {
  readonly cause: string
  /** Names of tests, without folder and file extension. */
  readonly tests: readonly string[]
}

export const CAUSES: readonly Cause[] = [
  {
    cause:
      'The test changes a part of Node, or checks when it is first used, and then loads a module that uses it. ' +
      "The template has loaded Node's common modules before.",
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
      'A CommonJS main program runs in a callback of setImmediate() in a child, ' +
      'so its async id is not 1 and the async hook `after` is called for it.',
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
      'V8 accepts cached code only if its flags are the same, and a template has additional flags. ' +
      'So a child does not accept cached code from plain Node, nor plain Node from a child.',
    tests: ['test-vm-cached-data'],
  },
  {
    cause:
      'The test limits the heap to 10 or 20 MB (--max-old-space-size) and needs all of it. ' +
      'The template has already filled a part with the modules that it loaded.',
    tests: ['test-shadow-realm-gc', 'test-source-map-cjs-require-cache'],
  },
  {
    cause: "The inspector names the main context by the process id at Node's start, which is the template's.",
    tests: ['test-inspector-contexts'],
  },
  {
    cause: "A worker thread's performance.timeOrigin is computed from the template's start.",
    tests: ['test-perf-hooks-worker-timeorigin'],
  },
  {
    cause: 'In performance.nodeTiming, all milestones from before the fork have the same time.',
    tests: ['test-performance-nodetiming'],
  },
]

/** Why a test fails, or that nobody has found out yet. */
export function causeOf(name: string): string {
  const test = name.replace(/^.*\//, '').replace(/\.\w+$/, '')
  return CAUSES.find(({ tests }) => tests.includes(test))?.cause ?? 'Nobody has looked into it yet.'
}

/** Why no template can be had with a test's flags: what its error says, and the reason in other words. */
const REFUSALS: ReadonlyArray<readonly [error: RegExp, reason: string]> = [
  [/state of Math\.random/, 'With these flags forkserver does not find where V8 keeps the state of Math.random().'],
  [/cannot run with --inspect/, 'A template cannot run with the inspector switched on.'],
  [/WebAssembly is not defined/, 'The flags remove WebAssembly, which the template uses before it forks.'],
  [/^ERR_TEMPLATE_START/, "The test runs under Node's permission model, which does not let the addon load."],
]

/** Why there is no template with a test's flags. */
export function refusalOf(error: string): string {
  const code = /^ERR_\w+/.exec(error)?.[0]
  const reason = REFUSALS.find(([pattern]) => pattern.test(error))?.[1]
  return reason && code ? `${reason} (${code})` : error.replaceAll('\n', ' ')
}
