// Runs in: owner. What a server is made of: a launcher, an address and a key, for each way to have a server.
import { UsageError } from '../../errors.js'
import type { Native } from '../../platform/native.js'
import watched from '../../platform/watched-files.cjs'
import { AuthKey } from '../../wire/auth/auth-key.js'
import type { ListenAddress } from '../../wire/startup.js'
import { ControlConnection } from '../launch/control-connection.js'
import { dial } from '../launch/dial.js'
import type { Launcher } from '../launch/launcher.js'
import { TemplateLauncher } from '../launch/template-launcher.js'
import { addressOf, type Transport } from './control-address.js'
import { warnOfLeftOutFlags } from './flag-warnings.js'
import { flagsOfTemplate, type NodeFlags } from './node-flags.js'
import { Reloading } from './reloading.js'
import type { CheckedConnect, CheckedStart } from './server-options.js'
import { spawnLauncher, warnOfSpawn, withFallback } from './spawning.js'
import { type ReadyTemplate, TemplateStarter } from './template-starter.js'

/** The parts of a server. */
export interface Parts {
  readonly launcher: Launcher
  readonly transport: Transport
  readonly address: ListenAddress | null
  /** The server's own copy: it is destroyed when the server is closed. */
  readonly key: AuthKey | undefined
  /** Whether another process started its template. */
  readonly isConnected: boolean
  /** Resolves when the first template is ready. */
  ready(): Promise<unknown>
  /** With the option watch. */
  readonly reloading: Reloading | undefined
  /** The last template that was ready. */
  template: ReadyTemplate | undefined
}

/** @param reason why it does not fork, as a clause */
export function spawningParts(reason: string, options: CheckedStart): Parts {
  if (options.transport !== 'private') {
    const text = `Other processes can only reach a template (option transport), and there is none: ${reason}.`
    throw new UsageError('ERR_UNSUPPORTED', `${text} Leave the option transport out.`)
  }
  if (options.startMethod !== 'spawn') warnOfSpawn(reason)
  const launcher = spawnLauncher(options, reason)
  const ready = async (): Promise<void> => {}
  const nobody = { key: undefined, template: undefined, isConnected: false, reloading: undefined }
  return { launcher, transport: 'private', address: null, ready, ...nobody }
}

/** A server that starts while its owner does something else, with flags that were checked before. */
export interface Background {
  flags: NodeFlags
}

/** A server that starts its templates; or one that spawns, if no template can have the flags of Node. */
export function forkingParts(native: Native, checked: CheckedStart, background?: Background): Parts {
  const { preload, warmup, tripwires, strict, settleMs, execArgv, startTimeout, templateTimeout, transport, signal } =
    checked
  const env = { ...(checked.env ?? process.env) }
  const flags = background?.flags ?? flagsOfTemplate(execArgv, process.execArgv, env.NODE_OPTIONS)
  if (flags.loader) return spawningParts(`the hooks of ${flags.loader} run in a thread`, checked)
  warnOfLeftOutFlags(flags)
  const key = AuthKey.generate()
  const address = addressOf(native, transport)
  const coverage = env.NODE_V8_COVERAGE || null
  const nodeOptions = env.NODE_OPTIONS ?? null
  const watch = checked.watch
  const reloading = watch ? new Reloading() : undefined
  const watchVariable = env[watched.VARIABLE] ?? null
  const ref = checked.ref && !background
  const config = {
    preload,
    warmup,
    tripwires,
    listen: address,
    strict,
    settleMs,
    coverage,
    nodeOptions,
    watch,
    watchVariable,
  }
  const options = { config, env, ref, flags, key, startTimeout, templateTimeout, signal, reloading }
  const starter = new TemplateStarter(native, options, (template) => {
    parts.template = template
  })
  const forking = new TemplateLauncher(native, checked, starter.start)
  const parts: Parts = {
    launcher: withFallback(forking, checked),
    transport,
    address,
    key,
    isConnected: false,
    reloading,
    ready: () => forking.ready(),
    template: undefined,
  }
  return parts
}

/** A server whose template another process started. */
export function connectedParts(native: Native, { address, key, templateTimeout, spares }: CheckedConnect): Parts {
  const forking = new TemplateLauncher(native, { templateTimeout, spares }, async (lifeline, signal) => {
    const fd = await dial(native, address, signal)
    const connection = await ControlConnection.open({ native, fd, key, lifeline, ended: undefined, templateTimeout })
    parts.template = { pid: connection.templatePid, report: undefined }
    // The template started with the environment and working directory of another process. So each job carries both in
    // full.
    return { connection, env: undefined, cwd: undefined, identity: undefined, process: undefined, hasAddress: true }
  })
  const parts: Parts = {
    launcher: withFallback(forking, { preload: [], execArgv: undefined }),
    transport: 'private',
    address,
    key,
    isConnected: true,
    reloading: undefined,
    ready: () => forking.ready(),
    template: undefined,
  }
  return parts
}
