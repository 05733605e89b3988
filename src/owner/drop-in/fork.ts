// Runs in: owner. fork() of child_process, with the processes forked from a template.
import childProcess from 'node:child_process'
import { UsageError } from '../../errors.js'
import { ForkServer } from '../server/fork-server.js'
import { templates, type Wanted } from './fork-templates.js'
import { throughTemplates } from './through-template.js'

// Kept, because somebody may put fork() there in its place.
const plainFork = childProcess.fork

const ownWanted = (): Wanted => ({ flags: process.execArgv, env: process.env, args: [], cwd: undefined })

/**
 * As child_process.fork(), with the same arguments, events and errors. The process is forked from a template if one is
 * ready; if not, Node starts it, and a template is started in the background for the next ones.
 *
 * @param modulePath the module to run
 * @param args its arguments, or the options
 * @param options those of child_process.fork()
 * @returns a ChildProcess
 * @throws what child_process.fork() throws
 * @example
 * const child = fork('./worker.js')
 * child.on('message', (message) => console.log(message))
 * child.send('hello')
 */
export const fork: typeof childProcess.fork = (...given: unknown[]) =>
  throughTemplates(templates, () => Reflect.apply(plainFork, childProcess, given) as childProcess.ChildProcess)

/**
 * Starts the template for processes with the flags of this one, and waits for it. Without this call it is started in
 * the background, by the second fork().
 *
 * @returns undefined if fork() forks from now on, or else why it does not: a clause
 * @example
 * await ready()
 * const child = fork('./worker.js')
 */
export function ready(): Promise<string | undefined> {
  return templates.ready(ownWanted())
}

/**
 * Uses this server for processes with the flags of this one, so that they have what its template preloaded.
 *
 * @param server from ForkServer.start() or ForkServer.connect()
 * @throws UsageError ERR_INVALID_ARGUMENT
 * @example
 * setServer(await ForkServer.start({ preload: ['typescript'] }))
 */
export function setServer(server: ForkServer): void {
  if (!(server instanceof ForkServer)) {
    const text = 'setServer() takes a ForkServer: setServer(await ForkServer.start({ preload })).'
    throw new UsageError('ERR_INVALID_ARGUMENT', text)
  }
  templates.set(ownWanted(), server)
}

/**
 * Ends the templates that fork() started, and waits for that: each ends with its last process that is not detached,
 * because only a template learns how its processes end. The next fork() may start new ones.
 *
 * @example
 * await close()
 */
export function close(): Promise<void> {
  return templates.close()
}
