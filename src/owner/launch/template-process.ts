// Runs in: owner. Starts one template process and waits until it is frozen.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import { ResourceError, TemplateError } from '../../errors.js'
import { check, errnoName, type Native, PRELOAD, spawnError } from '../../platform/native.js'
import { ownFile } from '../../platform/own-files.js'
import { abortError } from '../../promises/abort.js'
import type { AuthKey } from '../../wire/auth/auth-key.js'
import { encodeFrame, FrameDecoder } from '../../wire/frames.js'
import {
  type ListenAddress,
  MAX_STDIO,
  type StartupConfig,
  type StartupStatus,
  TEMPLATE_DESCRIPTORS,
  TEMPLATE_FLAGS,
  type TemplateReport,
} from '../../wire/startup.js'
import { decodeValue } from '../../wire/values/clone.js'
import { decodeThrown } from '../../wire/values/thrown.js'
import { templateEnvironment } from './template-environment.js'

const MAIN = ownFile('main/template.js')
const MAX_STATUS = 64 * 1024 * 1024

/** A template that is frozen and serves. */
export interface StartedTemplate {
  readonly process: ChildProcess
  readonly report: TemplateReport
  /** Our end of its private control socket; the caller takes it over. */
  readonly controlFd: number
}

export interface TemplateOptions {
  config: StartupConfig
  env: NodeJS.ProcessEnv
  /** The flags of Node to start it with; `nodeOptions` stands in the environment until the template restores the variable. */
  flags: { execArgv: readonly string[]; nodeOptions: string | undefined }
  key: AuthKey
  /** Read end of the owner's lifeline; the caller keeps it. */
  lifeline: number
  signal: AbortSignal | undefined
}

/** Node or this machine cannot fork, whatever was preloaded. ForkServer.start() goes on with the start method spawn. */
export class CannotFork extends TemplateError {
  /** Why, as a clause. */
  readonly reason: string
  constructor(reason: string) {
    super('ERR_UNFORKABLE', `A template cannot fork here: ${reason}. Use startMethod: 'spawn'.`, { reasons: [reason] })
    this.reason = reason
  }
}

/** How a template ended, in words. */
export function fateOf(exitCode: number | null, signal: NodeJS.Signals | null): string {
  return signal ? `was killed by ${signal}` : `ended with exit code ${exitCode}`
}

function connectedPair(native: Native): { own: number; template: number } {
  const pair = new Int32Array(2)
  check('socketpair', native.socketPair(pair))
  return { own: pair[0]!, template: pair[1]! }
}

/**
 * Starts a template.
 * @throws TemplateError ERR_PRELOAD_FAILED, ERR_UNFORKABLE, ERR_TEMPLATE_START; ResourceError ERR_RESOURCE, ERR_ADDRESS_IN_USE,
 *   ERR_ADDRESS_TOO_LONG; AbortError
 */
export async function startTemplate(native: Native, options: TemplateOptions): Promise<StartedTemplate> {
  const [startup, control, status] = [connectedPair(native), connectedPair(native), connectedPair(native)]
  const stdio: (number | 'ignore' | 'inherit')[] = ['ignore', 'inherit', 'inherit']
  stdio[TEMPLATE_DESCRIPTORS.startup] = startup.template
  stdio[TEMPLATE_DESCRIPTORS.control] = control.template
  stdio[TEMPLATE_DESCRIPTORS.status] = status.template
  stdio[TEMPLATE_DESCRIPTORS.lifeline] = options.lifeline
  const ends = [startup, control, status]
  const opened: number[] = []
  let template: ChildProcess
  try {
    opened.push(openSync(PRELOAD, 'r'), openSync('/dev/null', 'r+'))
    stdio[TEMPLATE_DESCRIPTORS.preload] = opened[0]!
    for (let fd = 3; fd < MAX_STDIO; fd++) stdio[fd] = opened[1]!
    const env = templateEnvironment({ ...options.env, NODE_OPTIONS: options.flags.nodeOptions })
    template = spawn(process.execPath, [...TEMPLATE_FLAGS, ...options.flags.execArgv, MAIN], { stdio, env })
  } catch (error) {
    for (const pair of ends) native.close(pair.own)
    throw spawnError(error as Error) // E2BIG is thrown, and what openSync throws; EMFILE and EAGAIN of spawn are emitted
  } finally {
    for (const fd of opened) closeSync(fd)
    for (const pair of ends) native.close(pair.template)
  }
  // SIGKILL, because a module in the middle of its top level hears nothing else. The signal counts until the template is ready,
  // which is why spawn() does not get it.
  const abort = (): boolean => template.kill('SIGKILL')
  options.signal?.addEventListener('abort', abort, { once: true })
  const ended = new Promise<Error>((resolve) => {
    template.on('error', (error) => resolve(spawnError(error)))
    template.on('exit', (exitCode, signal) => {
      const text = `The template (pid ${template.pid}) ${fateOf(exitCode, signal)} before it was ready. What it wrote to stderr may tell more.`
      resolve(new TemplateError('ERR_TEMPLATE_START', text))
    })
  })
  const sockets = {
    startup: new Socket({ fd: startup.own, readable: false, writable: true }),
    status: new Socket({ fd: status.own, readable: true, writable: false }),
  }
  let isReady = false
  try {
    sendStartup(sockets.startup, options)
    const told = await readStatus(sockets.status)
    if (options.signal?.aborted) throw abortError(options.signal)
    if (!told) throw await ended
    const report = readReport(told, options.config.listen)
    template.unref()
    isReady = true
    return { process: template, report, controlFd: control.own }
  } finally {
    options.signal?.removeEventListener('abort', abort)
    for (const socket of Object.values(sockets)) socket.destroy()
    if (!isReady) {
      native.close(control.own)
      template.kill('SIGKILL')
    }
  }
}

function sendStartup(socket: Socket, { key, config }: TemplateOptions): void {
  socket.on('error', () => {}) // the template ended; its status tells why
  socket.write(key.borrowBytes())
  socket.end(encodeFrame(Buffer.from(JSON.stringify(config))))
}

function readStatus(socket: Socket): Promise<StartupStatus | undefined> {
  const decoder = new FrameDecoder({ maxLength: MAX_STATUS })
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      const [payload] = decoder.push(chunk)
      if (payload) resolve(decodeValue(payload) as StartupStatus)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(undefined))
  })
}

function readReport(told: StartupStatus, listen: ListenAddress | null): TemplateReport {
  switch (told.status) {
    case 'ready':
      return told.report
    case 'preloadFailed': {
      const cause = decodeThrown(told.thrown)
      const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
      throw new TemplateError(
        'ERR_PRELOAD_FAILED',
        `Preloading failed in ${told.what}: ${text}. The cause has its stack.`,
        { cause },
      )
    }
    case 'unforkable': {
      const list = told.reasons.map((reason) => `\n  - ${reason}`).join('')
      const advice =
        'Close it before the preload ends or in beforeFreeze(), and open it in the child: in the job, or in onFork().'
      throw new TemplateError('ERR_UNFORKABLE', `The preloaded template cannot be forked:${list}\n${advice}`, {
        reasons: told.reasons,
      })
    }
    case 'cannotFork':
      throw new CannotFork(told.reason)
    case 'refused':
      throw addressError(told.syscall, told.errno, listen)
  }
}

/** The error of a control socket that cannot listen or be reached at an address. `errno` is positive. */
export function addressError(syscall: string, errno: number, address: ListenAddress | null): ResourceError {
  const name = errnoName(errno)
  const where = !address ? 'the control socket' : 'path' in address ? address.path : `@${address.abstract}`
  const [code, text] =
    name === 'EADDRINUSE'
      ? (['ERR_ADDRESS_IN_USE', `${where} is in use. Choose another address, or stop the server that has it.`] as const)
      : name === 'ENAMETOOLONG'
        ? ([
            'ERR_ADDRESS_TOO_LONG',
            `${where} is too long for a unix socket (107 bytes at the most). Choose a shorter one.`,
          ] as const)
        : ([
            'ERR_CONNECT',
            `${syscall}() of ${where} failed with ${name}. Check that the server runs and the address is right.`,
          ] as const)
  return new ResourceError(code, text, { errno: name, syscall })
}
