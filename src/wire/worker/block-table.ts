// Runs in: owner and child. The part of a message that gives the places of its large buffers. Pure.
import { Buffer } from 'node:buffer' // a program may delete the global one
import { ProtocolError } from '../../errors.js'

/** Where a block lies in the memory. */
export interface Block {
  offset: number
  length: number
}

/** A block in the memory, or the bytes of it if there was no room. */
export type SentBlock = Block | Uint8Array

const U32 = 4
const ENTRY = 16
/** The offset of an entry whose bytes follow the table. */
const HERE = -1

/** The table of a message: u32 count, then f64 offset and f64 length of each, then the bytes of those that are here. */
export function encodeBlocks(blocks: readonly SentBlock[]): Buffer {
  const table = Buffer.allocUnsafe(U32 + ENTRY * blocks.length)
  table.writeUInt32BE(blocks.length, 0)
  const here: Uint8Array[] = []
  for (const [index, block] of blocks.entries()) {
    const isHere = block instanceof Uint8Array
    if (isHere) here.push(block)
    table.writeDoubleBE(isHere ? HERE : block.offset, U32 + ENTRY * index)
    table.writeDoubleBE(block.length, U32 + ENTRY * index + 8)
  }
  return here.length > 0 ? Buffer.concat([table, ...here]) : table
}

/**
 * Reads a table, and returns the bytes that follow it.
 * @throws ProtocolError ERR_PROTOCOL
 */
export function decodeBlocks(bytes: Buffer): { blocks: SentBlock[]; rest: Buffer } {
  const count = bytes.length >= U32 ? bytes.readUInt32BE(0) : Number.POSITIVE_INFINITY
  let at = U32 + ENTRY * count
  if (at > bytes.length) throw new ProtocolError('ERR_PROTOCOL', 'A table of blocks is cut short.')
  const blocks: SentBlock[] = []
  for (let index = 0; index < count; index++) {
    const offset = bytes.readDoubleBE(U32 + ENTRY * index)
    const length = bytes.readDoubleBE(U32 + ENTRY * index + 8)
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || length < 0)
      throw new ProtocolError('ERR_PROTOCOL', `A block lies at ${offset} and has ${length} bytes.`)
    if (offset !== HERE) {
      blocks.push({ offset, length })
      continue
    }
    if (length > bytes.length - at) throw new ProtocolError('ERR_PROTOCOL', 'The bytes of a block are cut short.')
    blocks.push(bytes.subarray(at, at + length))
    at += length
  }
  return { blocks, rest: bytes.subarray(at) }
}
