// Runs in: template. What the loop of a template is given, and what it gives to a child. Types only.
import type { StartupConfig } from '../wire/startup.js'

/** Where a template listens. */
export type ServePlace = Pick<StartupConfig, 'listen' | 'takesOver'>

export interface ServeHooks {
  /** Called once, when requests can come. */
  listening(): void
  /** Called instead if the socket cannot listen. The template then ends. */
  refused(syscall: string, errno: number): void
  /** Called after each fork. */
  forked(): void
}

/** What a new child has to know. */
export interface Birth {
  /** The descriptor of its job channel. */
  readonly channel: number
  /** Whether its standard streams come with its job, perhaps much later. */
  readonly isSpare: boolean
}
