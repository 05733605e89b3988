// Runs in: owner. Pure. The command line of a Node process: its flags, its script, and the script's arguments.

/** A command line that runs a script. */
export interface ScriptLine {
  flags: readonly string[]
  script: string
  args: readonly string[]
}

/** Flags of Node that take the next word as their value. */
const WITH_VALUE = new Set([
  '-r',
  '--require',
  '--import',
  '-C',
  '--conditions',
  '--loader',
  '--experimental-loader',
  '--env-file',
  '--env-file-if-exists',
  '--icu-data-dir',
  '--openssl-config',
  '--redirect-warnings',
  '--title',
  '--unhandled-rejections',
  '--dns-result-order',
  '--disable-warning',
  '--secure-heap',
  '--secure-heap-min',
  '--tls-cipher-list',
  '--diagnostic-dir',
  '--report-dir',
  '--report-directory',
  '--report-filename',
  '--localstorage-file',
])

/**
 * Other flags that may take the next word, in some version of Node. If such a flag has no `=`, Node starts the process
 * itself. Among them are some that take none, or are refused by Node.
 */
const MAY_TAKE_VALUE = new RegExp(
  `^--(?:${[
    'allow-fs bench config-file cpu-prof- debug-port disable-proto experimental-config experimental-default-',
    'experimental-package-map experimental-policy experimental-test-isolation experimental-test-tag-filter',
    'gc-interval heap-prof- heapsnapshot- inspect-p',
    'max- network-family-autoselection- policy- process-timeout random-seed report-signal security-revert',
    'snapshot-blob stack- test-concurrency test-coverage- test-global test-isolation test-name test-random-seed',
    'test-reporter test-rerun test-shard test-skip test-timeout tls-keylog trace-event- trace-require-module',
    'use-largepages v8-pool-size vfs- watch-',
  ]
    .join(' ')
    .replaceAll(' ', '|')})[^=]*$`,
)

/** Flags that run something else than a script, or nothing. */
const NO_SCRIPT = [
  ...[
    '-e',
    '-p',
    '-pe',
    '-c',
    '-i',
    '-v',
    '-h',
    '--eval',
    '--print',
    '--check',
    '--interactive',
    '--version',
    '--help',
  ],
  ...['--v8-options', '--test', '--run', '--watch', '--input-type', '--entry-url', '--completion-bash'],
  ...['--build-snapshot', '--build-snapshot-config', '--experimental-sea-config', '--build-sea', '--prof-process'],
]

/**
 * Splits the words behind the name of the program.
 * @returns undefined if no script is run: code, a test runner, the standard input, or nothing
 */
export function readCommandLine(words: readonly string[]): ScriptLine | undefined {
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    if (word === '-') return undefined
    if (word === '--') return scriptLine(words.slice(0, at), words.slice(at + 1))
    if (!word.startsWith('-')) return scriptLine(words.slice(0, at), words.slice(at))
    const flag = word.replaceAll('_', '-') // to Node it is the same
    if (NO_SCRIPT.includes(flag.split('=', 1)[0]!) || MAY_TAKE_VALUE.test(flag)) return undefined
    if (WITH_VALUE.has(flag)) at++
  }
  return undefined
}

function scriptLine(flags: readonly string[], rest: readonly string[]): ScriptLine | undefined {
  const [script, ...args] = rest
  return script === undefined || script === 'inspect' || script === 'debug' ? undefined : { flags, script, args }
}

/** The folder of the package that a file belongs to, with a slash at its end; undefined if it belongs to none. */
export function packageOf(file: string): string | undefined {
  return /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+\//s.exec(file)?.[0]
}
