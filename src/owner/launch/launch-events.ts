// Runs in: owner. Publishes the start and the exit of each process, whatever started it.
import { performance } from '../../platform/timers.js'
import type { JobTask, ProgramHead } from '../../wire/job.js'
import { isObserved, publish } from '../diagnostics/publish.js'
import type { Exit } from './exit.js'
import type { Launched, Launcher, LaunchRequest } from './launcher.js'

let lastId = 0

const fileOf = ({ file, eval: code }: ProgramHead): string => file ?? (code === undefined ? '[stdin]' : '[eval]')

function namesOf(task: JobTask): { module: string; name: string | undefined } {
  return 'program' in task
    ? { module: fileOf(task.program), name: undefined }
    : { module: task.module, name: task.name }
}

/** As launcher.launch(), and publishes what becomes of it. */
export async function launchPublished(launcher: Launcher, request: LaunchRequest): Promise<Launched> {
  const since = performance.now()
  try {
    const launched = await launcher.launch(request)
    follow(launched, launcher, request, since)
    return launched
  } catch (error) {
    if (isObserved('forkserver:process:fail')) {
      const durationMs = performance.now() - since
      const { startMethod } = launcher
      publish('forkserver:process:fail', { startMethod, ...namesOf(request.head), durationMs, error })
    }
    throw error
  }
}

/** As launcher.launchNow(), and publishes what becomes of it. A failure is no event: the caller has another way. */
export function launchNowPublished(launcher: Launcher, request: LaunchRequest, limitMs: number): Launched | undefined {
  const since = performance.now()
  const launched = launcher.launchNow?.(request, limitMs)
  if (launched) follow(launched, launcher, request, since)
  return launched
}

function follow(launched: Launched, { startMethod }: Launcher, { head }: LaunchRequest, since: number): void {
  const id = ++lastId
  const started = performance.now()
  if (isObserved('forkserver:process:start')) {
    const { pid } = launched
    publish('forkserver:process:start', { id, pid, startMethod, ...namesOf(head), durationMs: started - since })
  }
  launched.exited.then(
    (exit) => exited(launched, id, started, exit, undefined),
    (error: unknown) => exited(launched, id, started, { exitCode: null, signal: null }, error),
  )
}

function exited({ pid }: Launched, id: number, started: number, exit: Exit, error: unknown): void {
  if (!isObserved('forkserver:process:exit')) return
  const { exitCode, signal, usage } = exit
  const cpuMs = usage && (usage.userMicros + usage.systemMicros) / 1_000
  const durationMs = performance.now() - started
  const event = { id, pid, exitCode, signal, cpuMs, maxRssBytes: usage?.maxRssBytes, durationMs, error }
  publish('forkserver:process:exit', event)
}
