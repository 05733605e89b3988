// Runs in: owner and child (never in the template, which does not read jobs). Messages of the job channel. Pure: bytes
// in, bytes out. A message is one frame (frames.ts): a kind byte and its payload. docs/PROTOCOL.md, section 4, shows
// them as tables.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError } from '../errors.js'
import type { PreloadModule } from './startup.js'

/** Kinds of the job channel: the first byte of each frame. native/fork/fork.c knows `unborn`. */
export const CHANNEL_MESSAGES = {
  job: {
    kind: 1,
    direction: 'owner to child',
    payload: 'u32 length of the head, the head as JSON, the arguments as a structured clone',
  },
  result: { kind: 2, direction: 'child to owner', payload: "the function's value as a structured clone" },
  thrown: {
    kind: 3,
    direction: 'child to owner',
    payload: 'what the function threw (thrown.ts) as a structured clone',
  },
  leaving: { kind: 4, direction: 'child to owner', payload: 'u8 exit code, sent just before the child leaves' },
  unborn: { kind: 5, direction: 'child to owner', payload: 'u16 errno: the child could not be made ready and is gone' },
  begun: { kind: 6, direction: 'child to owner', payload: 'u32 pid of the child, sent just before it begins the job' },
  modules: {
    kind: 7,
    direction: 'child to owner',
    payload: 'a JSON array of file URLs, sent before the child leaves if its job asks for it (recordModules)',
  },
  worker: {
    kind: 8,
    direction: 'child to owner',
    payload: 'a message of the worker channel, from a worker for one task, which has no channel of its own',
  },
} as const

/** The change from the template's environment to the child's. */
export interface EnvironmentChange {
  set: Record<string, string>
  unset: string[]
}

/** A whole environment, sent if the owner does not know what the template started with. */
export interface WholeEnvironment {
  whole: Record<string, string>
}

/** A program: the path of a script, code, or stdin; and the modules to load before it. */
export interface ProgramHead {
  file?: string
  eval?: string
  inputType?: 'commonjs' | 'module'
  stdin?: true
  require?: readonly string[]
  import?: readonly string[]
  /** What process.execArgv is, if not the template's. */
  execArgv?: readonly string[]
}

/** What a job runs: a function, or a whole program, which gets the job's arguments. */
export type JobTask = { module: string; name: string } | { program: ProgramHead }

/** A job without its arguments. If a field is absent, the child keeps what it has from the template. */
export type JobHead = JobTask & JobSurroundings

/** How the messages of an IPC channel are written, as in child_process. */
export type Serialization = 'json' | 'advanced'

/** The surroundings of a job. */
export interface JobSurroundings {
  cwd?: string
  env?: EnvironmentChange | WholeEnvironment
  /** Limit of V8's old generation, in bytes. */
  heapLimit?: number
  /** RLIMIT_CPU, in seconds. */
  cpuSeconds?: number
  /** RLIMIT_NOFILE. */
  openFiles?: number
  umask?: number
  nice?: number
  gid?: number
  uid?: number
  /** What process.ppid is as long as the template lives: the owner's process id. */
  parent?: number
  /** The job begins also if its owner is gone by then. */
  detached?: true
  /** Node's IPC channel, which the child opens before anything of the user's runs. */
  ipc?: { fd: number; serialization: Serialization }
  /** Modules to import before the job, for a child whose template did not. */
  preload?: readonly PreloadModule[]
  /** Whether the child tells, before it leaves, which modules it has loaded. */
  recordModules?: true
}

const HEAD_LENGTH_AT = 1
const HEAD_AT = 5

/** The payload of a `job` frame. `args` is the structured clone of the arguments. */
export function encodeJob(head: JobHead, args: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(head))
  const payload = Buffer.allocUnsafe(HEAD_AT + json.length + args.length)
  payload[0] = CHANNEL_MESSAGES.job.kind
  payload.writeUInt32BE(json.length, HEAD_LENGTH_AT)
  json.copy(payload, HEAD_AT)
  payload.set(args, HEAD_AT + json.length)
  return payload
}

/**
 * Splits the payload of a `job` frame. The bytes come from the process's own owner, so the fields
 * of the head are not checked.
 * @throws ProtocolError ERR_PROTOCOL
 */
export function decodeJob(payload: Buffer): { head: JobHead; args: Buffer } {
  const end = payload.length >= HEAD_AT ? HEAD_AT + payload.readUInt32BE(HEAD_LENGTH_AT) : Number.POSITIVE_INFINITY
  if (payload[0] !== CHANNEL_MESSAGES.job.kind || end > payload.length) {
    throw new ProtocolError(
      'ERR_PROTOCOL',
      `A job of ${payload.length} bytes with kind ${payload[0]} is not one that this version sends.`,
    )
  }
  return { head: JSON.parse(payload.toString('utf8', HEAD_AT, end)) as JobHead, args: payload.subarray(end) }
}

/** One message of a child, decoded as far as its kind. */
export type ChildMessage =
  | { kind: 'result' | 'thrown' | 'worker'; value: Buffer }
  | { kind: 'leaving'; exitCode: number }
  | { kind: 'unborn'; errno: number }
  | { kind: 'begun'; pid: number }
  | { kind: 'modules'; modules: string[] }

/** The messages of a child's JavaScript that have a body. */
export type SentByChild = 'result' | 'thrown' | 'leaving' | 'modules' | 'worker'

/** The payload of a child's message: its kind byte and what follows. */
export function encodeChildMessage(kind: SentByChild, body: Uint8Array): Buffer {
  const payload = Buffer.allocUnsafe(1 + body.length)
  payload[0] = CHANNEL_MESSAGES[kind].kind
  payload.set(body, 1)
  return payload
}

/** The payload of a `begun` frame. */
export function encodeBegun(pid: number): Buffer {
  const payload = Buffer.alloc(5)
  payload[0] = CHANNEL_MESSAGES.begun.kind
  payload.writeUInt32BE(pid, 1)
  return payload
}

/** The array of strings that a text is, as JSON; undefined if it is something else. */
function parseStrings(text: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  } catch {}
  return undefined
}

/**
 * Decodes a child's message.
 * @throws ProtocolError ERR_PROTOCOL
 */
export function decodeChildMessage(payload: Buffer): ChildMessage {
  switch (payload[0]) {
    case CHANNEL_MESSAGES.result.kind:
      return { kind: 'result', value: payload.subarray(1) }
    case CHANNEL_MESSAGES.thrown.kind:
      return { kind: 'thrown', value: payload.subarray(1) }
    case CHANNEL_MESSAGES.worker.kind:
      return { kind: 'worker', value: payload.subarray(1) }
    case CHANNEL_MESSAGES.leaving.kind:
      if (payload.length === 2) return { kind: 'leaving', exitCode: payload[1]! }
      break
    case CHANNEL_MESSAGES.unborn.kind:
      if (payload.length === 3) return { kind: 'unborn', errno: payload.readUInt16BE(1) }
      break
    case CHANNEL_MESSAGES.begun.kind:
      if (payload.length === 5) return { kind: 'begun', pid: payload.readUInt32BE(1) }
      break
    case CHANNEL_MESSAGES.modules.kind: {
      const modules = parseStrings(payload.toString('utf8', 1))
      if (modules) return { kind: 'modules', modules }
      break
    }
  }
  throw new ProtocolError(
    'ERR_PROTOCOL',
    `A child sent kind ${payload[0]} with ${payload.length} bytes, which is not a message of the job channel.`,
  )
}
