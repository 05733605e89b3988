// Runs in: child. The worker of vitest: what vitest's own forks run, with the same channel (process.send() and
// 'message'), so that a test finds the same process around it.
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { takeEnvironmentOver } from './frozen-environment.js'

/** The part of a `start` message's context that is needed here. */
interface SetupContext {
  environment: { name: string; options: object | null }
  config: { environmentOptions?: object }
}

interface Worker {
  post(message: unknown): void
  on(callback: (message: unknown) => void): void
  off(callback: (message: unknown) => void): void
  teardown(): void
  runTests(state: unknown, traces: unknown): unknown
  collectTests(state: unknown, traces: unknown): unknown
  setup(context: SetupContext): Promise<unknown>
}

/** `vitest/worker`, as far as it is needed here. */
interface VitestWorker {
  init(worker: Worker): void
  runBaseTests(method: 'run' | 'collect', state: unknown, traces: unknown): unknown
  setupEnvironment(context: SetupContext): Promise<unknown>
}

/** Node's way out for a child whose owner is gone, or no longer listens. */
const FAILED = 1

/**
 * Runs test files, one after the other, as vitest asks for them on the channel.
 *
 * @param distPath the folder of vitest's compiled files
 */
export async function runTests(distPath: string): Promise<void> {
  const { init, runBaseTests, setupEnvironment } = await importWorker(distPath)
  // A test may replace any of these.
  const exit = process.exit.bind(process)
  const send = process.send!.bind(process)
  const on = process.on.bind(process)
  const off = process.off.bind(process)
  const leave = (): never => exit(FAILED)
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'ERR_IPC_CHANNEL_CLOSED' || error.code === 'EPIPE') leave()
  }
  process.argv[1] = path.join(distPath, 'workers', 'forks.js')
  on('error', onError)
  on('disconnect', leave)
  init({
    post: (message) => void send(message as object),
    on: (callback) => void on('message', callback),
    off: (callback) => void off('message', callback),
    teardown() {
      process.removeAllListeners('message')
      off('error', onError)
      off('disconnect', leave)
      process.exit = exit
    },
    runTests: (state, traces) => runBaseTests('run', state, traces),
    collectTests: (state, traces) => runBaseTests('collect', state, traces),
    async setup(context) {
      const { environment, config } = context
      await takeEnvironmentOver(environment.name, environment.options ?? config.environmentOptions ?? {})
      return setupEnvironment(context)
    },
  })
}

/** Imports `vitest/worker`. */
export async function importWorker(distPath: string): Promise<VitestWorker> {
  return (await import(pathToFileURL(path.join(distPath, 'worker.js')).href)) as VitestWorker
}
