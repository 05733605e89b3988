// Runs in: owner and child. Messages between a Pool and one of its workers. Pure: bytes in, bytes out. A message is the
// payload of one frame: a kind byte and the fields of that kind. docs/PROTOCOL.md, section 5, shows them as tables.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError } from '../../errors.js'
import { decodeBlocks, encodeBlocks, type SentBlock } from './block-table.js'

/** What a worker needs at its start. */
export interface WorkerSetup {
  /** Its number in the pool. */
  id: number
  /** The pool's name. */
  name?: string
  initializer?: { module: string; name: string }
  initArgs: readonly unknown[]
  teardown?: { module: string; name: string }
  /** Whether the pool reads stdout and stderr: then a task ends when the owner has read all of its output. */
  isCaptured: boolean
  /** Whether owner and worker share memory. If not, the channel is a socket. */
  sharesMemory: boolean
}

/**
 * What a worker for one task needs. It has no channel of its own: the task comes with its job, and it answers on the
 * job channel.
 */
export interface OneTaskSetup extends Omit<WorkerSetup, 'initializer' | 'initArgs' | 'sharesMemory'> {
  /** The function to run. */
  reference: { module: string; name: string }
  /** The number that the owner gave to this chunk of one task. */
  chunk: number
  /** The number of the task among the items. */
  item: number
  /** As those of a `run` message. */
  items: Uint8Array
  /** Whether the item is a list of arguments. */
  spread: boolean
  /** Whether the call has an onProgress. */
  listens: boolean
}

/**
 * The descriptors that a worker shares with its owner: of the memory and the events, or of a socket. The worker moves
 * them to high numbers before user code runs.
 */
export const WORKER_DESCRIPTORS = { channel: 3, memory: 3, workerEvent: 4, ownerEvent: 5 } as const

/** The module of a worker's job: every template has loaded it, and an owner only names it. */
// A bundler that makes CommonJS leaves import.meta empty. platform/own-files.ts then says what to do.
export const WORKER_MODULE = new URL('../../child/worker/worker-job.js', import.meta.url || 'file:///').href

/** A function of that module that does nothing, for rehearsals. */
export const REHEARSAL = 'rehearsal'

/** Kinds of the worker channel: the first byte of each frame. */
export const WORKER_MESSAGES = {
  function: {
    kind: 1,
    direction: 'owner to worker',
    payload: 'u32 number of the function, its module and name as a JSON array',
  },
  run: {
    kind: 2,
    direction: 'owner to worker',
    payload:
      'u32 chunk, u32 number of the function, u32 slot, u32 first and u32 end of the items to run, u8 ' +
      'flags (1: an item is a list of arguments, 2: progress is wanted, 4: there are blocks), the blocks, ' +
      'the items as a structured clone, or as JSON',
  },
  end: { kind: 3, direction: 'owner to worker', payload: 'nothing: finish what was sent, then leave' },
  ready: { kind: 4, direction: 'worker to owner', payload: 'nothing: the initializer has run' },
  refused: {
    kind: 5,
    direction: 'worker to owner',
    payload: 'what the initializer threw (thrown.ts) as a structured clone',
  },
  results: {
    kind: 6,
    direction: 'worker to owner',
    payload:
      'u32 chunk, f64 milliseconds that it ran, u8 flags (4: there are blocks), the blocks, then as a ' +
      'structured clone a list of the values and a list of [item, what it threw]; or only the values, as ' +
      'JSON',
  },
  progress: {
    kind: 7,
    direction: 'worker to owner',
    payload: 'u32 chunk, u32 item, what its task said by emitProgress() as a structured clone',
  },
  abort: {
    kind: 8,
    direction: 'owner to worker',
    payload: 'u32 chunk that is to stop, why (thrown.ts) as a structured clone',
  },
  wrote: {
    kind: 9,
    direction: 'worker to owner',
    payload:
      'u32 chunk, u32 item: its task has ended and may have written to stdout or stderr. The worker waits ' +
      'for `read`',
  },
  read: { kind: 10, direction: 'owner to worker', payload: 'nothing: all that was written has been read' },
} as const

/** Name of a message of the worker channel. */
export type WorkerMessage = keyof typeof WORKER_MESSAGES

/** Items to run, and the function to run with each. */
export interface RunMessage {
  chunk: number
  functionId: number
  slot: number
  first: number
  end: number
  /** Whether each item is a list of arguments. If not, it is the one argument. */
  spread: boolean
  /** Whether the call has an onProgress. */
  listens: boolean
  /** Large buffers of the items. */
  blocks: readonly SentBlock[]
  items: Buffer
}

/** The results of a chunk. */
export interface ResultsMessage {
  chunk: number
  milliseconds: number
  /** Large buffers of the results. */
  blocks: readonly SentBlock[]
  body: Buffer
}

/** A task. */
export interface ItemMessage {
  chunk: number
  item: number
}

/** The progress that a task reports. */
export interface ProgressMessage extends ItemMessage {
  body: Buffer
}

const RUN_HEAD = 22
const RESULTS_HEAD = 14
const PROGRESS_HEAD = 9
const ABORT_HEAD = 5
const WROTE_BYTES = 9
const SPREAD = 1
const LISTENS = 2
const BLOCKS = 4
const NO_BLOCKS: readonly SentBlock[] = []

const LEAST_BYTES: Record<WorkerMessage, number> = {
  function: 5,
  run: RUN_HEAD,
  end: 1,
  ready: 1,
  refused: 1,
  results: RESULTS_HEAD,
  progress: PROGRESS_HEAD,
  abort: ABORT_HEAD,
  wrote: WROTE_BYTES,
  read: 1,
}
const BY_KIND = new Map(
  (Object.keys(WORKER_MESSAGES) as WorkerMessage[]).map((name) => [WORKER_MESSAGES[name].kind as number, name]),
)

/**
 * The name of a message.
 * @throws ProtocolError ERR_PROTOCOL if this direction has no such message, or it is too short for its fields
 */
export function workerMessageOf(payload: Buffer, direction: 'owner to worker' | 'worker to owner'): WorkerMessage {
  const name = BY_KIND.get(payload[0] ?? 0)
  if (name && WORKER_MESSAGES[name].direction === direction && payload.length >= LEAST_BYTES[name]) return name
  throw new ProtocolError(
    'ERR_PROTOCOL',
    `Kind ${payload[0]} with ${payload.length} bytes is not a message of the worker channel.`,
  )
}

/** A message that has nothing but its kind. */
export function encodeBare(name: 'end' | 'ready' | 'read'): Buffer {
  return Buffer.of(WORKER_MESSAGES[name].kind)
}

export function encodeFunction(functionId: number, module: string, name: string): Buffer {
  const json = Buffer.from(JSON.stringify([module, name]))
  const payload = Buffer.allocUnsafe(5 + json.length)
  payload[0] = WORKER_MESSAGES.function.kind
  payload.writeUInt32BE(functionId, 1)
  json.copy(payload, 5)
  return payload
}

/** @throws ProtocolError ERR_PROTOCOL */
export function decodeFunction(payload: Buffer): { functionId: number; module: string; name: string } {
  const [module, name] = parse(payload.toString('utf8', 5))
  if (typeof module !== 'string' || typeof name !== 'string')
    throw new ProtocolError('ERR_PROTOCOL', 'A function came without the name of its module or its own.')
  return { functionId: payload.readUInt32BE(1), module, name }
}

function parse(json: string): unknown[] {
  try {
    const list: unknown = JSON.parse(json)
    return Array.isArray(list) ? list : []
  } catch {
    return []
  }
}

/** The part of a message before the items. */
export function encodeRun({ blocks, ...head }: Omit<RunMessage, 'items'>): Buffer {
  const payload = encodeRunHead(head, blocks.length > 0)
  return blocks.length > 0 ? Buffer.concat([payload, encodeBlocks(blocks)]) : payload
}

function encodeRunHead(
  { chunk, functionId, slot, first, end, spread, listens }: Omit<RunMessage, 'items' | 'blocks'>,
  hasBlocks: boolean,
): Buffer {
  const payload = Buffer.allocUnsafe(RUN_HEAD)
  payload[0] = WORKER_MESSAGES.run.kind
  payload.writeUInt32BE(chunk, 1)
  payload.writeUInt32BE(functionId, 5)
  payload.writeUInt32BE(slot, 9)
  payload.writeUInt32BE(first, 13)
  payload.writeUInt32BE(end, 17)
  payload[RUN_HEAD - 1] = (spread ? SPREAD : 0) | (listens ? LISTENS : 0) | (hasBlocks ? BLOCKS : 0)
  return payload
}

/** @throws ProtocolError ERR_PROTOCOL */
export function decodeRun(payload: Buffer): RunMessage {
  const flags = payload[RUN_HEAD - 1]!
  const { blocks, rest } = blocksOf(flags, payload.subarray(RUN_HEAD))
  return {
    chunk: payload.readUInt32BE(1),
    functionId: payload.readUInt32BE(5),
    slot: payload.readUInt32BE(9),
    first: payload.readUInt32BE(13),
    end: payload.readUInt32BE(17),
    spread: (flags & SPREAD) !== 0,
    listens: (flags & LISTENS) !== 0,
    blocks,
    items: rest,
  }
}

export function encodeRefused(thrown: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(WORKER_MESSAGES.refused.kind), thrown])
}

/** The part of a message before the results. */
export function encodeResults(chunk: number, milliseconds: number, blocks: readonly SentBlock[]): Buffer {
  const payload = Buffer.allocUnsafe(RESULTS_HEAD)
  payload[0] = WORKER_MESSAGES.results.kind
  payload.writeUInt32BE(chunk, 1)
  payload.writeDoubleBE(milliseconds, 5)
  payload[RESULTS_HEAD - 1] = blocks.length > 0 ? BLOCKS : 0
  return blocks.length > 0 ? Buffer.concat([payload, encodeBlocks(blocks)]) : payload
}

/** @throws ProtocolError ERR_PROTOCOL */
export function decodeResults(payload: Buffer): ResultsMessage {
  const { blocks, rest } = blocksOf(payload[RESULTS_HEAD - 1]!, payload.subarray(RESULTS_HEAD))
  const milliseconds = payload.readDoubleBE(5)
  if (!(milliseconds >= 0 && milliseconds < Number.POSITIVE_INFINITY))
    throw new ProtocolError('ERR_PROTOCOL', `A worker says that a chunk took ${milliseconds} ms.`)
  return { chunk: payload.readUInt32BE(1), milliseconds, blocks, body: rest }
}

function blocksOf(flags: number, bytes: Buffer): { blocks: readonly SentBlock[]; rest: Buffer } {
  return flags & BLOCKS ? decodeBlocks(bytes) : { blocks: NO_BLOCKS, rest: bytes }
}

/** The part of a message before the value. */
export function encodeProgress(chunk: number, item: number): Buffer {
  return encodeItem('progress', chunk, item)
}

export function decodeProgress(payload: Buffer): ProgressMessage {
  return { ...decodeItem(payload), body: payload.subarray(PROGRESS_HEAD) }
}

export function encodeWrote(chunk: number, item: number): Buffer {
  return encodeItem('wrote', chunk, item)
}

export function decodeWrote(payload: Buffer): ItemMessage {
  return decodeItem(payload)
}

function encodeItem(name: 'progress' | 'wrote', chunk: number, item: number): Buffer {
  const payload = Buffer.allocUnsafe(PROGRESS_HEAD)
  payload[0] = WORKER_MESSAGES[name].kind
  payload.writeUInt32BE(chunk, 1)
  payload.writeUInt32BE(item, 5)
  return payload
}

function decodeItem(payload: Buffer): ItemMessage {
  return { chunk: payload.readUInt32BE(1), item: payload.readUInt32BE(5) }
}

/** The part of a message before the reason. */
export function encodeAbort(chunk: number): Buffer {
  const payload = Buffer.allocUnsafe(ABORT_HEAD)
  payload[0] = WORKER_MESSAGES.abort.kind
  payload.writeUInt32BE(chunk, 1)
  return payload
}

export function decodeAbort(payload: Buffer): { chunk: number; body: Buffer } {
  return { chunk: payload.readUInt32BE(1), body: payload.subarray(ABORT_HEAD) }
}
