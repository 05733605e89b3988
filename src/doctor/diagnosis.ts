// Runs in: owner. Pure. What `forkserver doctor` finds, and the page that shows it.

/** Something that is wrong, or that will be in the way. */
export interface Finding {
  /** A problem: processes are not forked, or not at all. A warning: it works, and something may hurt. */
  readonly level: 'problem' | 'warning'
  /** What it is, and what to do. */
  readonly text: string
}

/** A limit of this process or machine. */
export interface Limit {
  readonly name: string
  /** Null if it is not known. */
  readonly value: number | 'unlimited' | null
  /** How much of it is in use, if the kernel says so. */
  readonly used?: number
}

/** How a trial went: a template that forks five processes, one after the other. */
export interface Trial {
  /** How long the server took to start, in milliseconds. */
  readonly serverMs: number
  /** How long a process took to start, in milliseconds: the median. */
  readonly startMs: number
  /** How long it took until its result was there, in milliseconds: the median. */
  readonly resultMs: number
  /** The resident set of the template, in bytes; null if there is none. */
  readonly templateBytes: number | null
}

/** All that was found. This is what `--json` prints. */
export interface Diagnosis {
  readonly forkserver: string
  readonly node: string
  readonly platform: string
  readonly kernel: string
  /** The C library, with its version if that is known. */
  readonly libc: string
  /** The user id, or null on Windows. */
  readonly uid: number | null
  readonly thread: 'main' | 'worker'
  /** The file of the addon; null if it is not loaded or its path is not known. */
  readonly addon: string | null
  /** Why the addon is not loaded, or null. */
  readonly addonMissing: string | null
  readonly execArgv: readonly string[]
  readonly nodeOptions: string | null
  /** The flags that templates are started with, and the value of their NODE_OPTIONS. */
  readonly templateFlags: readonly string[]
  readonly templateNodeOptions: string | null
  /** Flags that templates do not get. */
  readonly leftOut: readonly string[]
  readonly temporaryFolder: string
  /** kernel.yama.ptrace_scope; null if this kernel has no such restriction. */
  readonly ptraceScope: number | null
  readonly limits: readonly Limit[]
  /** How processes start; null if none could be started. */
  readonly startMethod: 'forkserver' | 'spawn' | null
  /** Why they are not forked, or null. */
  readonly spawnReason: string | null
  readonly trial: Trial | null
  readonly findings: readonly Finding[]
}

const MIB = 2 ** 20
/** Limits of memory are shown in MiB. */
const isMemory = ({ name }: Limit): boolean => name === 'memory'

function limitText(limit: Limit): string {
  const text = (value: number): string => (isMemory(limit) ? `${Math.round(value / MIB)} MiB` : String(value))
  const most = typeof limit.value === 'number' ? text(limit.value) : (limit.value ?? 'not known')
  return limit.used === undefined ? most : `${most}, ${text(limit.used)} in use`
}

function trialText({ serverMs, startMs, resultMs, templateBytes }: Trial): string {
  const ms = (value: number): string => `${value.toFixed(1)} ms`
  const template = templateBytes === null ? '' : ` (template: ${Math.round(templateBytes / MIB)} MiB)`
  return `server ${ms(serverMs)}${template}; process ${ms(startMs)}, its result ${ms(resultMs)} (median of 5)`
}

const PTRACE = ['any process of the same user', 'its own children only', 'processes of root only', 'nobody']

function ptraceText(scope: number | null): string {
  if (scope === null) return 'not restricted'
  return `${PTRACE[scope] ?? 'unknown'} (kernel.yama.ptrace_scope=${scope})`
}

const orNone = (words: readonly string[]): string => words.join(' ') || 'none'

/** The page as text. */
export function pageOf(diagnosis: Diagnosis): string {
  const { addon, addonMissing, findings, limits, nodeOptions, startMethod, trial, templateNodeOptions } = diagnosis
  const rows: [string, string][] = [
    ['forkserver', diagnosis.forkserver],
    ['Node', `${diagnosis.node} ${diagnosis.platform}, ${diagnosis.thread} thread, uid ${diagnosis.uid ?? 'none'}`],
    ['kernel', diagnosis.kernel],
    ['C library', diagnosis.libc],
    ['addon', addonMissing === null ? (addon ?? 'loaded') : `none: ${addonMissing}`],
    ['start method', startMethod === null ? 'none works' : `${startMethod}${reason(diagnosis)}`],
    ['trial', trial ? trialText(trial) : 'failed'],
    ['execArgv', orNone(diagnosis.execArgv)],
    ['NODE_OPTIONS', nodeOptions ?? 'not set'],
    ['of templates', `flags ${orNone(diagnosis.templateFlags)}; NODE_OPTIONS ${templateNodeOptions ?? 'not set'}`],
    ['left out', orNone(diagnosis.leftOut)],
    ...limits.map((limit): [string, string] => [limit.name, limitText(limit)]),
    ['temp folder', diagnosis.temporaryFolder],
    ['ptrace by', ptraceText(diagnosis.ptraceScope)],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const lines = rows.map(([name, text]) => `${name.padEnd(width)}  ${text}`)
  const found = findings.map(({ level, text }) => `${level}: ${text}`)
  const verdict = findings.length === 0 ? 'Nothing is wrong.' : found.join('\n')
  return `${lines.join('\n')}\n\n${verdict}\n`
}

function reason({ spawnReason }: Diagnosis): string {
  return spawnReason === null ? '' : ` (${spawnReason})`
}
