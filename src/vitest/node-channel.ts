// Runs in: owner. The far end of process.send() with the serialization 'advanced'.

import type { Duplex } from 'node:stream'
import v8 from 'node:v8'

const S = v8.DefaultSerializer as unknown as new () => v8.Serializer & { _writeHostObject(o: unknown): void }
const D = v8.DefaultDeserializer as unknown as new (b: Buffer) => v8.Deserializer & { _readHostObject(): unknown }

class Serializer extends S {
  override _writeHostObject(value: unknown): void {
    if (ArrayBuffer.isView(value)) {
      this.writeUint32(0)
      super._writeHostObject(value)
    } else {
      this.writeUint32(1)
      this.writeValue({ ...(value as object) })
    }
  }
}

class Deserializer extends D {
  override _readHostObject(): unknown {
    return this.readUint32() === 0 ? super._readHostObject() : this.readValue()
  }
}

export function writeMessage(stream: Duplex, message: unknown): void {
  const serializer = new Serializer()
  serializer.writeHeader()
  serializer.writeValue(message)
  const body = serializer.releaseBuffer()
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32BE(body.length)
  stream.cork()
  stream.write(head)
  stream.write(body)
  stream.uncork()
}

export function readMessages(stream: Duplex, onMessage: (message: unknown) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length ? Buffer.concat([rest, chunk]) : chunk
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE(0)
      if (rest.length < end) return
      const d = new Deserializer(rest.subarray(4, end))
      d.readHeader()
      rest = rest.subarray(end)
      onMessage(d.readValue())
    }
  })
}
