// Runs in: owner and child. What a test file's process tells: its result, and the events for jest's reporters. A failed
// test brings the values that it compared: a BigInt or a circular object, which JSON cannot hold, is as common as any.
// So they travel as jest's own workers send them: as structured clones; and if something in them cannot be cloned, such
// as a function, as the copy without it that jest's workers make then.
import { createRequire } from 'node:module'
import { DefaultDeserializer, DefaultSerializer } from 'node:v8'

// As in Node's IPC channel, which jest's workers use: an object that C++ made arrives with its own properties only.
const VIEW = 0
const OTHER = 1

// Node's types leave them out.
const { _writeHostObject: writeView } = DefaultSerializer.prototype as unknown as {
  _writeHostObject(this: DefaultSerializer, view: object): void
}
const { _readHostObject: readView } = DefaultDeserializer.prototype as unknown as {
  _readHostObject(this: DefaultDeserializer): unknown
}

class MessageSerializer extends DefaultSerializer {
  /** Called by V8. */
  _writeHostObject(object: object): void {
    const isView = ArrayBuffer.isView(object)
    this.writeUint32(isView ? VIEW : OTHER)
    if (isView) writeView.call(this, object)
    else this.writeValue({ ...object })
  }
}

class MessageDeserializer extends DefaultDeserializer {
  /** Called by V8. */
  _readHostObject(): unknown {
    return this.readUint32() === VIEW ? readView.call(this) : this.readValue()
  }
}

type Copy = (value: unknown) => unknown

/** The copier of jest's workers, from the package with which they make it. Undefined if this version has none. */
function findCopy(workerFile: string): Copy | undefined {
  try {
    const require = createRequire(createRequire(workerFile).resolve('jest-worker'))
    const { serialize, deserialize } = require('@ungap/structured-clone') as {
      serialize(value: unknown, options: { json: boolean }): unknown
      deserialize(records: unknown): unknown
    }
    return (value) => deserialize(serialize(value, { json: true }))
  } catch {
    return undefined
  }
}

function serialize(value: unknown): Buffer {
  const serializer = new MessageSerializer()
  serializer.writeHeader()
  serializer.writeValue(value)
  return serializer.releaseBuffer()
}

/**
 * @param value anything; its getters are run
 * @param workerFile the file that jest's own workers run: it finds the package that copies what cannot be cloned
 * @throws the error of V8, if there is no such package; what a getter throws
 */
export function encodeMessage(value: unknown, workerFile: string): Buffer {
  try {
    return serialize(value)
  } catch (error) {
    const copy = findCopy(workerFile)
    if (!copy) throw error
    return serialize(copy(value))
  }
}

/** @throws an error for bytes that are none of encodeMessage() */
export function decodeMessage(bytes: Uint8Array): unknown {
  const deserializer = new MessageDeserializer(bytes)
  deserializer.readHeader()
  return deserializer.readValue()
}

/** The line that says that no event follows. */
export const LAST_LINE = 'end'

/** The line of an event: its name and its arguments. */
export function encodeEvent(event: unknown, workerFile: string): string {
  return encodeMessage(event, workerFile).toString('base64')
}

/** Undefined for a line that is no event: a test can write to any descriptor, and it can be killed in a line. */
export function decodeEvent(line: string): readonly [name: string, args: unknown] | undefined {
  try {
    const event = decodeMessage(Buffer.from(line, 'base64'))
    if (Array.isArray(event) && typeof event[0] === 'string') return [event[0], event[1]]
  } catch {}
  return undefined
}
