// Runs in: template. Its messages with its owner while it starts: it reads the key and the
// configuration, and it reports how the start went.
import { closeSync, readSync, writeSync } from 'node:fs'
import type { Native } from '../platform/native.js'
import { encodeFrame, readFrameLength } from '../wire/frames.js'
import {
  KEY_LENGTH,
  type StartupConfig,
  type StartupMessage,
  type StartupStatus,
  TEMPLATE_DESCRIPTORS,
} from '../wire/startup.js'
import { encodeValue } from '../wire/values/clone.js'
import loaded from './loaded-files.cjs'
import { adoptKey, type TemplateKeys } from './template-keys.js'

/** Reads the first message of the owner. Ends the process if the owner is gone. */
export function readStartup(native: Native): { keys: TemplateKeys; config: StartupConfig } {
  const fill = (into: Uint8Array): void => {
    for (let at = 0; at < into.length; ) {
      const got = readSync(TEMPLATE_DESCRIPTORS.startup, into, at, into.length - at, null)
      if (got === 0) native.leave(1) // the owner is gone
      at += got
    }
  }
  const keys = adoptKey(native, (page) => fill(page.subarray(0, KEY_LENGTH)))
  const header = Buffer.alloc(4)
  fill(header)
  const json = Buffer.alloc(readFrameLength(header))
  fill(json)
  closeSync(TEMPLATE_DESCRIPTORS.startup)
  return { keys, config: JSON.parse(json.toString()) as StartupConfig }
}

/** Tells the owner how the start went. It can be told once. */
export function tellOwner(status: StartupStatus): void {
  const files = loaded.loadedFiles()
  const message: StartupMessage = files ? { ...status, files } : status
  const frame = encodeFrame(encodeValue(message, 'status'))
  try {
    for (let at = 0; at < frame.length; ) at += writeSync(TEMPLATE_DESCRIPTORS.status, frame, at)
  } catch {} // EPIPE: the owner gave up, and the loop that follows sees that too
  closeSync(TEMPLATE_DESCRIPTORS.status)
}
