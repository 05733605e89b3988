// Runs in: owner. The one report of a template that starts: that it is ready, or why not.
import type { Socket } from 'node:net'
import { type Finding, TemplateError } from '../../errors.js'
import { FrameDecoder, MAX_OWN_PAYLOAD } from '../../wire/frames.js'
import type { ListenAddress, StartupMessage, StartupStatus, TemplateReport } from '../../wire/startup.js'
import { decodeValue } from '../../wire/values/clone.js'
import { decodeThrown } from '../../wire/values/thrown.js'
import { addressError } from './address-error.js'

/** The most characters of another message that a message quotes. */
const MAX_QUOTE = 1_000

/** Node or this machine cannot fork, whatever was preloaded. ForkServer.start() goes on with the start method spawn. */
export class CannotFork extends TemplateError {
  /** Why, as a clause. */
  readonly reason: string
  constructor(reason: string) {
    const findings: Finding[] = [{ module: null, what: reason, severity: 'impossible' }]
    super('ERR_UNFORKABLE', `A template cannot fork here: ${reason}. Use startMethod: 'spawn'.`, { findings })
    this.reason = reason
  }
}

/**
 * Reads the one report. Resolves with undefined if the template ends without one.
 * @throws TemplateError ERR_PRELOAD_FAILED if the report cannot be read
 */
export function readStatus(socket: Socket): Promise<StartupMessage | undefined> {
  const decoder = new FrameDecoder({ maxLength: MAX_OWN_PAYLOAD })
  return new Promise((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => {
      try {
        const [payload] = decoder.push(chunk)
        if (payload) resolve(decodeValue(payload) as StartupMessage)
      } catch (cause) {
        // Only an error that a module threw can be so large.
        const text =
          'Preloading failed, and the error that a module threw is too large to be reported. Throw a smaller one.'
        reject(new TemplateError('ERR_PRELOAD_FAILED', text, { cause }))
        socket.destroy()
      }
    })
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => resolve(undefined))
  })
}

/**
 * The report of a template that is ready.
 * @throws TemplateError ERR_PRELOAD_FAILED, ERR_UNFORKABLE; ResourceError ERR_ADDRESS_IN_USE, ERR_ADDRESS_TOO_LONG,
 *   ERR_RESOURCE
 */
export function reportOf(status: StartupStatus, listen: ListenAddress | null): TemplateReport {
  switch (status.status) {
    case 'ready':
      return status.report
    case 'preloadFailed':
      throw preloadError(status.what, status.module, decodeThrown(status.thrown))
    case 'unforkable': {
      const list = status.findings.map(({ what }) => `\n  - ${what}`).join('')
      const advice =
        'Close it before the preload ends or in beforeFreeze(), and open it in the child: in the job, or in onFork().'
      throw new TemplateError('ERR_UNFORKABLE', `The preloaded template cannot be forked:${list}\n${advice}`, {
        findings: status.findings,
      })
    }
    case 'cannotFork':
      throw new CannotFork(status.reason)
    case 'refused':
      throw addressError(status.syscall, status.errno, listen)
  }
}

function preloadError(what: string, module: string | null, cause: unknown): TemplateError {
  const isError = cause instanceof Error
  const said = isError ? `${cause.name}: ${cause.message}` : String(cause)
  const quote = said.length > MAX_QUOTE ? `${said.slice(0, MAX_QUOTE)}...` : said
  const code = isError ? (cause as NodeJS.ErrnoException).code : undefined
  const next = (code === 'ERR_MODULE_NOT_FOUND' && adviceOnMissing(what, cause as Error)) || 'The cause has its stack.'
  const findings: Finding[] = [{ module, what: `it threw ${quote}`, severity: 'failed' }]
  return new TemplateError('ERR_PRELOAD_FAILED', `Preloading failed in ${what}: ${quote}. ${next}`, { cause, findings })
}

/** What to do if a preloaded module was not found, or undefined if one of its imports was not found. */
function adviceOnMissing(specifier: string, cause: Error & { url?: unknown }): string | undefined {
  // 'jobs.js' names a package, as in an import statement. Its author may have meant a file.
  if (!URL.canParse(specifier) && /\.[cm]?[jt]sx?$/.test(specifier))
    return `'${specifier}' names a package. If you mean a file, pass new URL('./${specifier}', import.meta.url).`
  if (specifier.startsWith('file:') && cause.url === specifier)
    return 'Check the path. If this program is bundled, keep the files of jobs out of the bundle (docs/SETUPS.md).'
  return undefined
}
