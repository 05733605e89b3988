// Runs in: a tool process. Uses one package by plain node, and in children that were forked before or after the package
// was loaded.
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { ForkServer, Process, remote, TemplateError } from 'forkserver'
import type { Outcome, Stage } from './results.js'

/** Children of one template that use the package at the same time. */
const CHILDREN = 3
const MAX_SAID = 500

interface Uses {
  loadPackage(): Promise<void>
  tryPackage(): Promise<unknown>
}

/** Where the packages are, and for how long one may run. */
export interface Site {
  /** The folder compat/. */
  readonly folder: URL
  readonly timeLimitMs: number
  readonly env: Readonly<Record<string, string>>
}

/** What plain node says of a package: the value of its use(), as JSON, or why there is none. */
export interface Said {
  value?: string
  failure?: string
}

const environment = ({ env }: Site, name: string): Record<string, string> => ({ ...env, COMPAT_PACKAGE: name })

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? `${error.code}: ${error.message}` : error.message
}

/** Uses a package by plain node, in a process group that is killed at the end. */
export async function runPlainly(name: string, site: Site): Promise<Said> {
  const child = spawn(process.execPath, [new URL('plain.mjs', site.folder).pathname], {
    cwd: site.folder,
    env: environment(site, name),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const timer = setTimeout(() => killGroup(child.pid!), site.timeLimitMs)
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject).once('exit', (exitCode, signal) => {
      killGroup(child.pid!)
      resolve(signal ?? `exit code ${exitCode}`)
    })
  })
  const [how, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  clearTimeout(timer)
  if (how !== 'exit code 0') return { failure: `${how} ${stderr.trim().slice(-MAX_SAID)}` }
  return { value: stdout.slice(stdout.lastIndexOf('\n') + 1) }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {} // ESRCH: nobody is left
}

/** Uses a package in several children at once, and compares what each says with what plain node said. */
export async function runForked(name: string, stage: Stage, expected: string, site: Site): Promise<Outcome> {
  const uses = remote<Uses>(new URL('uses.mjs', site.folder))
  const warmups = { 'loaded before': uses.loadPackage, 'used before': uses.tryPackage, 'only after': undefined }
  const warmup = warmups[stage]
  const env = environment(site, name)
  let server: ForkServer
  try {
    server = await ForkServer.start({
      ...(warmup ? { warmup } : {}),
      env,
      signal: AbortSignal.timeout(site.timeLimitMs),
    })
  } catch (error) {
    if (error instanceof TemplateError && error.code === 'ERR_UNFORKABLE') {
      const reasons = error.findings.map(({ what }) => what)
      return { verdict: 'refused', how: [...new Set(reasons)].join('; ') }
    }
    return { verdict: 'wrong', how: `the template does not start: ${messageOf(error)}` }
  }
  try {
    if (server.startMethod !== 'forkserver') return { verdict: 'wrong', how: `start method ${server.startMethod}` }
    const faults = await Promise.all(Array.from({ length: CHILDREN }, () => runOnce(server, uses, expected, env, site)))
    const fault = faults.find((one) => one !== undefined)
    return fault === undefined ? { verdict: 'works' } : { verdict: 'wrong', how: fault }
  } finally {
    await server.close({ children: 'kill' })
  }
}

/** What is wrong with one child, if anything. */
async function runOnce(
  server: ForkServer,
  uses: ReturnType<typeof remote<Uses>>,
  expected: string,
  env: Record<string, string>,
  site: Site,
): Promise<string | undefined> {
  const options = { server, env, cwd: site.folder.pathname, timeout: site.timeLimitMs }
  const p = new Process(uses.tryPackage, [], { ...options, stdio: ['ignore', 'ignore', 'pipe'] })
  await p.start()
  const stderr = text(p.stderr!)
  const value = await p.result.then(JSON.stringify, (error: unknown) => ({ failure: messageOf(error) }))
  const { exitCode, signal } = await p.join()
  if (typeof value === 'object') return `${value.failure} ${(await stderr).trim().slice(-MAX_SAID)}`.trim()
  if (value !== expected) return `another value: ${value.slice(0, MAX_SAID)} instead of ${expected.slice(0, MAX_SAID)}`
  return exitCode === 0 ? undefined : `it ended with ${signal ?? `exit code ${exitCode}`}`
}
