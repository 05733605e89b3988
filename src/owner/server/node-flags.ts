// Runs in: owner. Pure. Which flags of its owner a template or a spawned child is started with.
//
// A template inherits its owner's flags, as the processes of child_process.fork() and the threads of Worker do. So a
// loader of TypeScript or a larger heap works in jobs, too. Some flags cannot be inherited, and the table says why.
import { UsageError } from '../../errors.js'
import { joinNodeOptions, splitNodeOptions } from './node-options.js'

/** The kind of a flag that is not simply passed on. */
export type FlagKind = 'inspector' | 'profiler' | 'program' | 'environment file' | 'loader'

interface FlagRule {
  readonly kind: FlagKind
  /** Names of flags; a star at the end stands for any ending. */
  readonly flags: readonly string[]
  /** Why a template cannot have them, as a clause. */
  readonly because: string
}

/** The flags that are not passed on. docs/SETUPS.md shows this table, and a test holds the two together. */
export const FLAG_RULES: readonly FlagRule[] = [
  {
    kind: 'inspector',
    flags: ['--inspect*', '--debug-port'],
    because: 'a debugger has a thread of its own, which a forked child would lack',
  },
  {
    kind: 'profiler',
    flags: [
      '--cpu-prof*',
      '--heap-prof*',
      '--prof',
      '--perf-prof*',
      '--perf-basic-prof*',
      '--logfile*',
      '--log-*',
      '--trace-event*',
    ],
    because:
      'a profiler has a thread of its own, which a forked child would lack, or a file, which all of them would share',
  },
  {
    kind: 'program',
    flags: [
      '-e',
      '--eval',
      '-p',
      '-pe',
      '--print',
      '-i',
      '--interactive',
      '-c',
      '--check',
      '-v',
      '--version',
      '-h',
      '--help',
      '--v8-options',
      '--completion-bash',
      '--input-type',
      '--entry-url',
      '--run',
      '--test',
      '--test-*',
      '--experimental-test-coverage',
      '--experimental-test-isolation',
      '--watch*',
      '--build-snapshot*',
      '--snapshot-blob',
      '--experimental-sea-config',
      '--build-sea',
    ],
    because: 'it says which program Node runs, and the program of a template is given',
  },
  {
    kind: 'environment file',
    flags: ['--env-file', '--env-file-if-exists'],
    because: 'its variables are in the environment already',
  },
  {
    kind: 'loader',
    flags: ['--loader', '--experimental-loader'],
    because: 'its hooks run in a thread, which a forked child would lack',
  },
]

/**
 * Flags that only set how another flag works. Node's test runner passes them, with Node's defaults, to the processes of
 * tests (Node 24 and later). Without the flag that they belong to, a process does not need them, and two of them do
 * harm: --report-signal takes a signal away from the program, because Node lets it imply --report-on-signal.
 */
const SETTINGS: readonly (readonly [setting: RegExp, of: RegExp])[] = [
  [/^--(inspect-port|inspect-publish-uid|debug-port)$/, /^--inspect(-brk|-wait)?$/],
  [/^--cpu-prof-/, /^--cpu-prof$/],
  [/^--heap-prof-/, /^--heap-prof$/],
  [/^--trace-event-file-pattern$/, /^--trace-event(-categories|s-enabled)$/],
  [/^--report-signal$/, /^--report-on-signal$/],
  [/^--watch-/, /^--watch(-path)?$/],
]
/** Node's default. Written as a flag it would give each child four threads, of which it needs one. */
const DEFAULT_POOL_SIZE = '--v8-pool-size=4'

/** The modules that editors use to attach their debugger: Visual Studio Code, and the IDEs of JetBrains. */
const DEBUGGER_MODULES = [
  /[\\/]ms-vscode\.js-debug[^\\/]*[\\/](.*[\\/])?bootloader(\.bundle)?\.js$/,
  /[\\/]debugConnector\.js$/,
]
const PRELOADING_FLAGS = ['-r', '--require', '--import']

/** One flag as it was written, with its value, and its rule if it has one. */
interface Flag {
  readonly words: readonly string[]
  readonly rule: FlagRule | undefined
}

const INSPECTOR = FLAG_RULES[0]!

/** Node reads underscores as hyphens in the names of flags. */
const nameOf = (word: string): string => word.split('=', 1)[0]!.replaceAll('_', '-')

function ruleOf(words: readonly string[]): FlagRule | undefined {
  const name = nameOf(words[0]!)
  if (PRELOADING_FLAGS.includes(name)) {
    const module = words[1] ?? words[0]!.slice(words[0]!.indexOf('=') + 1)
    return DEBUGGER_MODULES.some((pattern) => pattern.test(module)) ? INSPECTOR : undefined
  }
  return FLAG_RULES.find(({ flags }) =>
    flags.some((flag) => (flag.endsWith('*') ? name.startsWith(flag.slice(0, -1)) : name === flag)),
  )
}

/** Flags with their values. A word that does not begin with a hyphen is the value of the flag before it. */
function flagsOf(words: readonly string[]): Flag[] {
  const flags: string[][] = []
  for (const word of words) {
    if (word.startsWith('-') || flags.length === 0) flags.push([word])
    else flags.at(-1)!.push(word)
  }
  return flags.map((flag) => ({ words: flag, rule: ruleOf(flag) }))
}

/** Removes settings of flags that are not there. */
function withoutIdleSettings(flags: readonly Flag[]): Flag[] {
  const names = flags.map(({ words }) => nameOf(words[0]!))
  return flags.filter(({ words }) => {
    const name = nameOf(words[0]!)
    const [, of] = SETTINGS.find(([setting]) => setting.test(name)) ?? []
    const isIdle = of !== undefined && !names.some((other) => of.test(other))
    return !isIdle && words.join('=') !== DEFAULT_POOL_SIZE
  })
}

const wordsOf = (flags: readonly Flag[]): string[] => flags.flatMap(({ words }) => words)

/** The flags that a process is started with. */
export interface NodeFlags {
  readonly execArgv: readonly string[]
  /** The value of NODE_OPTIONS while Node starts. */
  readonly nodeOptions: string | undefined
  /** The flags of a debugger or a profiler that were left out, as they were written. */
  readonly leftOut: { readonly inspector: readonly string[]; readonly profiler: readonly string[] }
  /** The flag of a loader, if there is one: such a template cannot be forked. */
  readonly loader: string | undefined
}

function refusal({ words, rule }: Flag): UsageError {
  const advice =
    rule!.kind === 'inspector'
      ? " To debug a job, call inspector.open() in it, or use startMethod: 'spawn'."
      : rule!.kind === 'profiler'
        ? " To profile a job, use a session of node:inspector in it, or startMethod: 'spawn'."
        : ''
  const text = `Option 'execArgv' of ForkServer.start() cannot hold ${nameOf(words[0]!)}: ${rule!.because}.${advice}`
  return new UsageError('ERR_INVALID_OPTION', text)
}

/** Removes those of the inherited flags that are not passed on. */
function keep(flags: readonly Flag[], isKept: (kind: FlagKind) => boolean): Flag[] {
  return flags.filter(({ rule }) => !rule || isKept(rule.kind))
}

const isLoader = (kind: FlagKind): boolean => kind === 'loader'

/**
 * The flags of a template.
 *
 * @param given the option execArgv, or undefined: then the template inherits its owner's
 * @param own the owner's own process.execArgv
 * @param nodeOptions NODE_OPTIONS of the environment that the template is to have
 * @throws UsageError ERR_INVALID_OPTION when `given` holds a flag that a template cannot have
 */
export function flagsOfTemplate(
  given: readonly string[] | undefined,
  own: readonly string[],
  nodeOptions: string | undefined,
): NodeFlags {
  const inherited = flagsOf(splitNodeOptions(nodeOptions ?? ''))
  const wanted = given ? flagsOf(given) : withoutIdleSettings(flagsOf(own))
  if (!given) inherited.push(...wanted)
  const refused = given && wanted.find(({ rule }) => rule && !['loader', 'environment file'].includes(rule.kind))
  if (refused) throw refusal(refused)
  const variable = flagsOf(splitNodeOptions(nodeOptions ?? ''))
  const kept = keep(variable, isLoader)
  const leftOut = (kind: FlagKind): string[] =>
    inherited.filter(({ rule }) => rule?.kind === kind).map(({ words }) => words.join(' '))
  const loader = [...wanted, ...variable].find(({ rule }) => rule?.kind === 'loader')
  return {
    execArgv: given ?? wordsOf(keep(wanted, isLoader)),
    nodeOptions: kept.length === variable.length ? nodeOptions : joinNodeOptions(wordsOf(kept)),
    leftOut: { inspector: leftOut('inspector'), profiler: leftOut('profiler') },
    loader: loader?.words.join(' '),
  }
}

/**
 * The flags of a template that stands in for processes of these flags; or why there is none, a clause. It may have the
 * flags that Node's test runner passes to the process of a test file.
 */
export function flagsInPlaceOf(
  words: readonly string[],
  nodeOptions: string | undefined,
): { flags: NodeFlags } | { refused: string } {
  const flags = withoutIdleSettings(flagsOf(words))
  const all = [...flags, ...withoutIdleSettings(flagsOf(splitNodeOptions(nodeOptions ?? '')))]
  const isFine = ({ words, rule }: Flag): boolean => !rule || /^--(experimental-)?test-/.test(nameOf(words[0]!))
  const refused = all.find((flag) => !isFine(flag))
  if (refused) return { refused: `a template cannot have ${nameOf(refused.words[0]!)}: ${refused.rule!.because}` }
  const leftOut = { inspector: [], profiler: [] }
  return { flags: { execArgv: wordsOf(flags), nodeOptions, leftOut, loader: undefined } }
}

/**
 * The flags of a process of the start method `spawn`. It is a plain Node, so its owner may give it any flag. It
 * inherits the owner's own flags except those that are meant for one process only.
 */
export function flagsOfSpawned(given: readonly string[] | undefined, own: readonly string[]): readonly string[] {
  return given ?? wordsOf(keep(withoutIdleSettings(flagsOf(own)), (kind) => kind === 'loader' || kind === 'profiler'))
}
