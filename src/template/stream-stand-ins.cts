// Runs in: template; and in the child, which removes the stand-ins. Stand-ins for process.stdin, stdout and stderr.
// Node makes these streams when they are first used, and the kind of stream depends on the descriptor: a terminal, a
// file or a pipe. If a preload made them in the template, all children would have streams of the template's kind,
// though their descriptors lead elsewhere. So Node makes them in each child, and the template has stand-ins.
//
// A module may keep a reference (`const { stdout } = process`; `console` does so). It then keeps a Proxy, which leads
// to the stand-in in the template, and to the child's own stream in a child. If no module has used a stream, the child
// has Node's own stream and no Proxy. CommonJS, because it runs under --require (main/first-look.cts): the modules of
// the user's --require and --import may print.
import fs = require('node:fs')
import streams = require('node:stream')
import tty = require('node:tty')

const { isatty } = tty

/** How long to wait before it writes to a full pipe again, in milliseconds. */
const RETRY_MS = 1

const NAMES = ['stdin', 'stdout', 'stderr'] as const

let makeOwn = (): void => {}

/** The three streams of a process. */
type Streams = Pick<NodeJS.Process, (typeof NAMES)[number]>

/** Replaces the three streams of this process by stand-ins. */
function standInForStreams(self: Streams): void {
  makeOwn = replace(self)
}

/** Returns what removes the stand-ins. */
function replace(self: Streams): () => void {
  const each = NAMES.map((name, fd) => {
    const nodes = Object.getOwnPropertyDescriptor(self, name)!
    let current: (() => object) | undefined
    let stream: object | undefined
    const kept = forwarding(() => (stream ??= current!()))
    Object.defineProperty(self, name, {
      ...nodes,
      get: () => {
        current ??= () => standIn(fd)
        return kept
      },
    })
    return () => {
      if (!current) return Object.defineProperty(self, name, nodes) // no module has used it
      stream = undefined
      current = () => Reflect.apply(nodes.get!, self, [])
    }
  })
  return () => {
    for (const make of each) make()
  }
}

/** In a child: makes the three streams its own. */
function makeStreamsOwn(): void {
  makeOwn()
}

/**
 * A stream for the preload. It writes output at once, because a fork would copy what is buffered. Its input is at its
 * end.
 */
function standIn(fd: number): object {
  if (fd === 0) return Object.assign(streams.Readable.from([]), { fd })
  const stream = new streams.Writable({
    decodeStrings: true,
    write(chunk: Buffer, _encoding, done) {
      try {
        writeAll(fd, chunk)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
  Object.assign(stream, { fd })
  if (!isatty(fd)) return stream
  const { getColorDepth, hasColors } = tty.WriteStream.prototype
  // A template that listens for it (tripwires.ts) hears who asks for a terminal.
  for (const [name, value] of Object.entries({ isTTY: true, getColorDepth, hasColors })) {
    const shape = { configurable: true, enumerable: true }
    const set = (own: unknown): unknown => Object.defineProperty(stream, name, { ...shape, value: own, writable: true })
    Object.defineProperty(stream, name, { ...shape, get: () => tty.isatty(fd) && value, set })
  }
  return stream
}

/** Writes all bytes, also if another process has made the pipe non-blocking. */
function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(fd, bytes, at)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS)
    }
  }
}

/** An object that behaves as the one that `current` returns. */
function forwarding(current: () => object): object {
  return new Proxy(
    {},
    {
      get: (_target, key) => Reflect.get(current(), key),
      set: (_target, key, value) => Reflect.set(current(), key, value),
      has: (_target, key) => Reflect.has(current(), key),
      deleteProperty: (_target, key) => Reflect.deleteProperty(current(), key),
      ownKeys: () => Reflect.ownKeys(current()),
      getPrototypeOf: () => Reflect.getPrototypeOf(current()),
      setPrototypeOf: (_target, prototype) => Reflect.setPrototypeOf(current(), prototype),
      // A proxy may only report a property as configurable if its own target does not have it.
      getOwnPropertyDescriptor: (_target, key) => {
        const found = Reflect.getOwnPropertyDescriptor(current(), key)
        return found && { ...found, configurable: true }
      },
      defineProperty: (_target, key, descriptor) =>
        Reflect.defineProperty(current(), key, { ...descriptor, configurable: true }),
    },
  )
}

/** In the template: runs what makeStreamsOwn() runs in each child, on streams of nobody. */
function rehearseStreams(): void {
  const stream = { get: () => undefined, configurable: true }
  const kept = makeOwn
  makeOwn = replace(Object.defineProperties({} as Streams, { stdin: stream, stdout: stream, stderr: stream }))
  makeStreamsOwn()
  makeOwn = kept
}

export = { standInForStreams, makeStreamsOwn, rehearseStreams }
