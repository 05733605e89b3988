// Runs in: owner. `forkserver doctor`: looks at Node, the machine and its limits, and tries to start processes.
import { accessSync, constants, readFileSync } from 'node:fs'
import os from 'node:os'
import { isMainThread } from 'node:worker_threads'
import { remote } from '../owner/naming/remote.js'
import { Process } from '../owner/process/process.js'
import { ForkServer } from '../owner/server/fork-server.js'
import { flagsOfTemplate } from '../owner/server/node-flags.js'
import { findNative } from '../platform/native.js'
import { ownFile } from '../platform/own-files.js'
import { parentFolders } from '../platform/socket-folder.js'
import { performance } from '../platform/timers.js'
import type { Diagnosis, Finding, Trial } from './diagnosis.js'
import { findingsOf, readLimits } from './limits.js'

const TRIALS = 5
/** A socket file of the transport `path` has this in front of its name, behind the folder. */
const LONGEST_FOLDER = 60

const job = remote<typeof import('./trial-job.js')>(ownFile('doctor/trial-job.js'))

function libc(): string {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  const version = report?.header?.glibcVersionRuntime
  return version ? `glibc ${version}` : process.platform === 'linux' ? 'not glibc' : 'none of Linux'
}

/** The file of the addon, as the kernel has it mapped. */
function addonFile(): string | null {
  try {
    return (
      /(\/\S*forkserver\S*\.node|\/\S*native\S*\.node)$/m.exec(readFileSync('/proc/self/maps', 'utf8'))?.[1] ?? null
    )
  } catch {
    return null
  }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

interface Tried {
  startMethod: 'forkserver' | 'spawn' | null
  spawnReason: string | null
  trial: Trial | null
  findings: Finding[]
}

/** Starts a server and a few processes. */
async function tryServer(): Promise<Tried> {
  let server: ForkServer | undefined
  try {
    const since = performance.now()
    server = await ForkServer.start({ preload: [job.module], warmup: job.pid })
    const serverMs = performance.now() - since
    const starts: number[] = []
    const results: number[] = []
    for (let count = 0; count < TRIALS; count++) {
      const begun = performance.now()
      const process = await new Process(job.pid, [], { server, stdio: 'ignore' }).start()
      starts.push(performance.now() - begun)
      await process.result
      results.push(performance.now() - begun)
      await process.join()
    }
    const templateBytes = server.report?.rssBytes ?? null
    const trial = { serverMs, startMs: median(starts), resultMs: median(results), templateBytes }
    const { startMethod, spawnReason = null } = server
    const findings: Finding[] =
      spawnReason === null ? [] : [{ level: 'problem', text: `Processes are spawned, not forked: ${spawnReason}.` }]
    return { startMethod, spawnReason, trial, findings }
  } catch (error) {
    const { code = 'error', message } = error as NodeJS.ErrnoException
    const text = `No process could be started: ${code}: ${message}`
    return { startMethod: null, spawnReason: null, trial: null, findings: [{ level: 'problem', text }] }
  } finally {
    await server?.close({ children: 'kill' })
  }
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @param used the first of the folders that can be written to */
function findingsOfFolders([wanted]: readonly string[], used: string | undefined): Finding[] {
  const forPath = "The transport 'path' needs it for its socket file."
  const texts: string[] = []
  if (used !== wanted) {
    const instead = used ? `The transport 'path' makes its socket file in ${used}.` : `${forPath} Set TMPDIR.`
    texts.push(`This user cannot write to ${wanted}. ${instead}`)
  }
  if (used && used.length > LONGEST_FOLDER)
    texts.push(`The path ${used} is long for a socket file. ${forPath} Set TMPDIR.`)
  return texts.map((text) => ({ level: 'warning', text }))
}

/** Looks at everything, and tries it. */
export async function examine(): Promise<Diagnosis> {
  const found = findNative()
  const { execArgv, env, platform, arch } = process
  const flags = flagsOfTemplate(undefined, execArgv, env.NODE_OPTIONS)
  const { limits, ptraceScope } = readLimits()
  const folders = parentFolders()
  const usedFolder = folders.find(isWritable)
  const { findings, ...tried } = await tryServer()
  const { version } = JSON.parse(readFileSync(ownFile('../package.json'), 'utf8')) as { version: string }
  return {
    forkserver: version,
    node: process.version,
    platform: `${platform}-${arch}`,
    kernel: `${os.type()} ${os.release()}`,
    libc: libc(),
    uid: process.getuid?.() ?? null,
    thread: isMainThread ? 'main' : 'worker',
    addon: 'native' in found ? addonFile() : null,
    addonMissing: 'missing' in found ? found.missing : null,
    execArgv,
    nodeOptions: env.NODE_OPTIONS ?? null,
    templateFlags: flags.execArgv,
    templateNodeOptions: flags.nodeOptions ?? null,
    leftOut: [...flags.leftOut.inspector, ...flags.leftOut.profiler],
    temporaryFolder: usedFolder ?? folders[0]!,
    ptraceScope,
    limits,
    ...tried,
    findings: [...findings, ...findingsOf(limits), ...findingsOfFolders(folders, usedFolder)],
  }
}
