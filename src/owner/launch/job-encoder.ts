// Runs in: owner. The job of a forked child, as bytes. It says what the child cannot have from its template.
import { changeOf, unheeded } from '../../wire/environment.js'
import { encodeFrame, encodeFrameHeader } from '../../wire/frames.js'
import { encodeJob, type JobHead } from '../../wire/job.js'
import type { LaunchRequest } from './launcher.js'
import type { TemplateState } from './templates.js'

/** What the children of a template begin with; undefined where the owner does not know it. */
export type TemplateSurroundings = Pick<TemplateState, 'env' | 'cwd'>

/** The bytes of a job, in one piece or in two. */
export type JobBytes = readonly [Buffer, ...Buffer[]]

/** A larger job is not copied to make one piece of it, in bytes. */
const MAX_JOINED = 64 * 1024

/** Encodes the jobs of one server. */
export class JobEncoder {
  readonly #warnedOf = new Set<string>()

  encode(request: LaunchRequest, template: TemplateSurroundings): JobBytes {
    const payload = encodeJob(this.#headOf(request, template), request.args)
    return payload.length > MAX_JOINED ? [encodeFrameHeader(payload.length), payload] : [encodeFrame(payload)]
  }

  #headOf(
    { head, cwd, env, detached, stdio, serialization = 'json' }: LaunchRequest,
    template: TemplateSurroundings,
  ): JobHead {
    const full: JobHead = { ...head }
    const ipcFd = stdio.indexOf('ipc')
    if (ipcFd >= 0) full.ipc = { fd: ipcFd, serialization }
    const change = template.env ? changeOf(template.env, env) : { whole: changeOf({}, env)?.set ?? {} }
    if (change) full.env = change
    if (change && 'set' in change) this.#warnOf(unheeded(change))
    if (cwd !== template.cwd) full.cwd = cwd
    if (detached) full.detached = true
    return full
  }

  // Warns once for each variable: without a warning it is hard to find out why a variable has no effect.
  #warnOf(names: readonly string[]): void {
    for (const name of names) {
      if (this.#warnedOf.has(name)) continue
      this.#warnedOf.add(name)
      const text = `The ${name} of a process differs from that of its template, and Node reads it only when it starts.`
      const advice = 'The value of the template counts. Pass another one to ForkServer.start({ env }).'
      process.emitWarning(`${text} ${advice}`, { code: 'FORKSERVER_ENVIRONMENT' })
    }
  }
}
