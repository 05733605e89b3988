// Runs in: owner. The launcher of a server that does not fork, and the warnings that say why.
import type { PreloadModule } from '../../wire/startup.js'
import { isObserved, publish } from '../diagnostics/publish.js'
import { CrashFallback } from '../launch/crash-fallback.js'
import type { Launcher } from '../launch/launcher.js'
import { SpawnLauncher } from '../launch/spawn-launcher.js'
import { flagsOfSpawned } from './node-flags.js'

/** What a spawned process needs to know of the options of its server. */
export interface SpawnedOptions {
  preload: readonly PreloadModule[]
  execArgv: readonly string[] | undefined
}

const WARNING = { code: 'FORKSERVER_SPAWN' }

/** @param reason why it does not fork, as a clause */
export function spawnLauncher({ preload, execArgv }: SpawnedOptions, reason: string): SpawnLauncher {
  return new SpawnLauncher({ preload, execArgv: flagsOfSpawned(execArgv, process.execArgv), reason })
}

function publishFallback(reason: string): void {
  if (isObserved('forkserver:spawn:fallback')) publish('forkserver:spawn:fallback', { reason })
}

let hasWarned = false

/** Says once why there is no template. */
export function warnOfSpawn(reason: string): void {
  publishFallback(reason)
  if (!hasWarned) process.emitWarning(`Processes are spawned, not forked: ${reason}.`, WARNING)
  hasWarned = true
}

/** Forks by this launcher, and spawns if forked children crash. */
export function withFallback(forking: Launcher, options: SpawnedOptions): CrashFallback {
  return new CrashFallback(forking, (reason) => {
    publishFallback(reason)
    process.emitWarning(`Processes are spawned from now on, not forked: ${reason}.`, WARNING)
    return spawnLauncher(options, reason)
  })
}
