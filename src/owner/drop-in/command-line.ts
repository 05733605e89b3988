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
  '--max-http-header-size',
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
  '--stack-trace-limit',
  '--localstorage-file',
])

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
    if (NO_SCRIPT.includes(word.split('=', 1)[0]!)) return undefined
    if (WITH_VALUE.has(word)) at++
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
