// Runs in: owner. The children that an owner asked a template for, until they have ended.
import { ProtocolError, TemplateError } from '../../errors.js'
import { resourceError } from '../../platform/native.js'
import { defer } from '../../promises/deferred.js'
import type { ControlMessageToOwner } from '../../wire/control-messages.js'
import type { AwaitedAnswer } from './answer-deadline.js'
import { type Exit, exitOf } from './exit.js'

/** A child that was asked for: its pid, and later its exit. */
export interface ForkedChild {
  readonly pid: number
  readonly exited: Promise<Exit>
  /** Sends a signal through the template, which knows that the pid is still the child's. */
  signal(signal: NodeJS.Signals): void
  /** Whether the control socket keeps the event loop running for it. */
  holdLoop(on: boolean): void
}

/** The messages of the template about a child. */
export type ChildMessage = Extract<ControlMessageToOwner, { name: 'forked' | 'forkFailed' | 'exited' }>

interface Request {
  forked(pid: number): void
  failed(error: Error): void
  exited(exit: Exit): void
  isForked: boolean
  /** Whether the owner's event loop waits for it. */
  holdsLoop: boolean
}

/** The connection of the requests. */
export interface RequestsListener {
  signal(id: number, signal: NodeJS.Signals): void
  /** The template has to answer from now on. */
  expect(): AwaitedAnswer
  /** Whether any of them keeps the event loop running. */
  onHold(holds: boolean): void
}

/** The requests of one control socket. */
export class Requests {
  readonly #listener: RequestsListener
  readonly #open = new Map<number, Request>()
  #onIdle: (() => void)[] = []

  constructor(listener: RequestsListener) {
    this.#listener = listener
  }

  has(id: number): boolean {
    return this.#open.has(id)
  }

  /** Resolves when none of them is open. */
  get idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#onIdle.push(resolve)
      this.#tellIdle()
    })
  }

  #tellIdle(): void {
    if (this.#open.size === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  /**
   * The owner asked for a child by this number.
   * @param onAnswer is called at once with the child or the error, before the promise is settled
   */
  add(
    id: number,
    { holdsLoop, onAnswer }: { holdsLoop: boolean; onAnswer?: (answer: ForkedChild | Error) => void },
  ): Promise<ForkedChild> {
    return new Promise<ForkedChild>((resolve, reject) => {
      const answer = this.#listener.expect()
      const exit = defer<Exit>()
      const exited = exit.promise
      const signal = (name: NodeJS.Signals): void => this.#listener.signal(id, name)
      const holdLoop = (on: boolean): void => {
        request.holdsLoop = on
        this.#tellHold()
      }
      const request: Request = {
        isForked: false,
        holdsLoop,
        forked: (pid) => {
          answer.settle()
          const child = { pid, exited, signal, holdLoop }
          onAnswer?.(child)
          resolve(child)
        },
        failed: (error) => {
          answer.settle()
          if (request.isForked) exit.reject(error)
          else {
            onAnswer?.(error)
            reject(error)
          }
        },
        exited: exit.resolve,
      }
      this.#open.set(id, request)
      if (holdsLoop) this.#listener.onHold(true)
    })
  }

  #tellHold(): void {
    let holds = false
    for (const request of this.#open.values()) if ((holds = request.holdsLoop)) break
    this.#listener.onHold(holds)
  }

  /** @throws ProtocolError ERR_PROTOCOL if nobody waits for this answer */
  answer(message: ChildMessage): void {
    const request = this.#open.get(message.id)
    if (!request || request.isForked !== (message.name === 'exited')) {
      const text = `The template sent ${message.name} for request ${message.id}, which does not wait for it.`
      throw new ProtocolError('ERR_PROTOCOL', text)
    }
    if (message.name === 'forked') {
      request.isForked = true
      request.forked(message.pid)
      return
    }
    this.#open.delete(message.id)
    this.#tellHold()
    if (message.name === 'forkFailed') request.failed(resourceError('fork', message.errno))
    else request.exited(exitOf(message))
    this.#tellIdle()
  }

  /**
   * None of them is answered any more.
   * @param template what became of the template, as a sentence without its full stop
   */
  failAll(template: string, cause: Error): void {
    for (const request of this.#open.values()) {
      const child = request.isForked
        ? 'The child lives on, but its exit cannot be observed.'
        : 'Whether the child was forked is not known.'
      const text = `${template}. ${child} The next start uses a new template.`
      request.failed(new TemplateError('ERR_TEMPLATE_LOST', text, { cause }))
    }
    this.#open.clear()
    this.#tellIdle()
  }
}
