// Runs in: owner. The children that may not outlive their owner.
import type { Socket } from 'node:net'
import type { ControlConnection } from './control-connection.js'
import type { ForkedChild } from './pending-forks.js'

interface Child {
  /** Resolves when its job channel is closed: without the template, this is the only sign that it has ended. */
  silent: Promise<unknown>
  exited: Promise<unknown>
  /** Lets the event loop wait for it. */
  hold(): void
  kill(): void
}

/** The children of one owner that have not ended. */
export class AttachedChildren {
  readonly #children = new Set<Child>()

  add(child: ForkedChild, channel: Socket, kill: () => void): void {
    const silent = silence(channel)
    const { exited } = child
    const followed: Child = { silent, exited, hold: () => holdLoop(child, channel, true), kill }
    this.#children.add(followed)
    Promise.allSettled([silent, exited]).then(() => this.#children.delete(followed))
  }

  /** Kills them one by one. The lifeline does not kill a child that was stopped before it held its end. */
  kill(): void {
    for (const child of this.#children) child.kill()
  }

  /** Waits until all of them have ended. It keeps the event loop running meanwhile. */
  async ended(): Promise<void> {
    const children = [...this.#children]
    for (const { hold } of children) hold()
    await Promise.allSettled(children.flatMap(({ silent, exited }) => [silent, exited]))
  }
}

/** The template has to report the end of a child, which has ended or does so now. */
export function expectExit(connection: ControlConnection, { pid, exited }: ForkedChild): void {
  const answer = connection.expectExit(pid)
  exited.then(answer.settle, answer.settle)
}

/** Resolves when a job channel is closed. */
export const silence = (channel: Socket): Promise<unknown> =>
  channel.closed ? Promise.resolve() : new Promise((resolve) => channel.once('close', resolve))

/** Whether the event loop waits for a child. */
export function holdLoop(child: ForkedChild, channel: Socket, on: boolean): void {
  child.holdLoop(on)
  if (on) channel.ref()
  else channel.unref()
}
