// Runs in: owner. How a process ended, in Node's words. Pure.
import os from 'node:os'
import type { ControlMessage } from '../../wire/control-messages.js'

/** How a process ended. Both are null if nobody could observe it. */
export interface Exit {
  /** Its exit code; null if a signal ended it. */
  exitCode: number | null
  /** The signal that ended it, such as 'SIGKILL'; null if it ended by itself. */
  signal: NodeJS.Signals | null
  /** The resources that it used, if the start method reports them. */
  usage?: ResourceUsage
}

/** What a child used over its life, from wait4(2). */
export interface ResourceUsage {
  /** CPU time in user mode, in microseconds. */
  userMicros: number
  /** CPU time in the kernel, in microseconds. */
  systemMicros: number
  /** Largest resident set, in bytes; it includes pages shared with the template. */
  maxRssBytes: number
  /** Number of page faults that the kernel served without reading from a disk. */
  minorFaults: number
  /** Number of page faults that had to read from a disk. */
  majorFaults: number
}

// If a number has two names, the first one counts, as in child_process: SIGABRT, not SIGIOT.
const SIGNAL_NAMES = new Map(
  Object.entries(os.constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
)

/** The exit that a template reports. */
export function exitOf(message: ControlMessage<'exited'>): Exit {
  const { exitCode, signal, userMicros, systemMicros, maxRssBytes, minorFaults, majorFaults } = message
  const usage = { userMicros, systemMicros, maxRssBytes, minorFaults, majorFaults }
  if (signal === 0) return { exitCode, signal: null, usage }
  return { exitCode: null, signal: SIGNAL_NAMES.get(signal) ?? (`SIG${signal}` as NodeJS.Signals), usage }
}
