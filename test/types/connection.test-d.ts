// Runs in: no process; the compiler reads it. The types of forkserver/connection: what compiles, and what must not.
import { expectTypeOf } from 'expect-type'
import {
  type Address,
  AuthKey,
  answerChallenge,
  type Codec,
  type CodecName,
  Connection,
  connect,
  deliverChallenge,
  Listener,
  pickle,
  pickleCodec,
  pipe,
  wait,
} from 'forkserver/connection'

// Keys.
const authKey = AuthKey.generate()
expectTypeOf(authKey).toEqualTypeOf<AuthKey>()
expectTypeOf(AuthKey.from(new Uint8Array(32))).toEqualTypeOf<AuthKey>()
expectTypeOf(authKey.export()).toExtend<Uint8Array>()
// @ts-expect-error keys are made by generate() and from()
new AuthKey()
// @ts-expect-error a text is no key
AuthKey.from('secret')

// Addresses: one of three.
expectTypeOf<{ host: string; port: number }>().toExtend<Address>()
expectTypeOf<{ path: string }>().toExtend<Address>()
expectTypeOf<{ abstract: string }>().toExtend<Address>()
expectTypeOf<{ host: string }>().not.toExtend<Address>()
expectTypeOf<string>().not.toExtend<Address>()

// Listener.
const listener = await Listener.listen({ address: { host: '::1', port: 0 }, authKey })
expectTypeOf(listener).toEqualTypeOf<Listener>()
expectTypeOf<Listener>().toEqualTypeOf<Listener<unknown>>()
expectTypeOf(listener.accept()).toEqualTypeOf<Promise<Connection>>()
expectTypeOf(listener.accept({ signal: new AbortController().signal })).toEqualTypeOf<Promise<Connection>>()
for await (const connection of listener) expectTypeOf(connection).toEqualTypeOf<Connection>()
expectTypeOf(listener.address).toEqualTypeOf<Address>()
expectTypeOf(listener.lastAccepted).toEqualTypeOf<Address | undefined>()
expectTypeOf(listener.closed).toEqualTypeOf<boolean>()
expectTypeOf(listener.close()).toEqualTypeOf<Promise<void>>()
expectTypeOf(listener).toExtend<AsyncDisposable>()
listener.on('clientError', (error, from) => {
  expectTypeOf(error).toEqualTypeOf<Error>()
  expectTypeOf(from).toEqualTypeOf<Address | undefined>()
})
Listener.listen({
  address: { path: '/run/socket' },
  authKey: null,
  backlog: 1,
  permissions: 0o660,
  handshakeTimeout: 1,
  maxPendingHandshakes: 1,
  digest: 'sha3_256',
  allowLegacyMd5: true,
  codec: 'json',
  maxMessageLength: 1,
})
// @ts-expect-error a key, or null, must be said
Listener.listen({ address: { path: '/run/socket' } })
// @ts-expect-error an address must be said
Listener.listen({ authKey })
// @ts-expect-error an address is one thing
Listener.listen({ address: '/run/socket', authKey })
// @ts-expect-error an unknown option
Listener.listen({ address: { path: '/run/socket' }, authKey, handshakeTimeuot: 1 })
// @ts-expect-error an unknown digest
Listener.listen({ address: { path: '/run/socket' }, authKey, digest: 'sha1' })
// @ts-expect-error no such event
listener.on('connection', () => {})
// @ts-expect-error listeners are made by listen()
new Listener()

// connect() and pipe().
const connection = await connect({ path: '/run/socket' }, { authKey, timeout: 1 })
expectTypeOf(connection).toEqualTypeOf<Connection>()
expectTypeOf<Connection>().toEqualTypeOf<Connection<unknown>>()
expectTypeOf(pipe()).toEqualTypeOf<Promise<[Connection, Connection]>>()
expectTypeOf(pipe({ duplex: false })).toEqualTypeOf<Promise<[Connection, Connection]>>()
expectTypeOf(Connection.open(3)).toEqualTypeOf<Connection>()
// @ts-expect-error a key, or null, must be said
connect({ path: '/run/socket' })
// @ts-expect-error a text is no key
connect({ path: '/run/socket' }, { authKey: 'secret' })
// @ts-expect-error an unknown option
connect({ path: '/run/socket' }, { authKey, timeuot: 1 })
// @ts-expect-error an option of listeners
connect({ path: '/run/socket' }, { authKey, backlog: 1 })
// @ts-expect-error an unknown option
pipe({ authKey })
// @ts-expect-error not a descriptor
Connection.open('3')

// Messages.
expectTypeOf(connection.send({ any: 'thing' })).toEqualTypeOf<Promise<void>>()
expectTypeOf(connection.recv()).toEqualTypeOf<Promise<unknown>>()
expectTypeOf(connection.recv<number>()).toEqualTypeOf<Promise<number>>()
for await (const value of connection) expectTypeOf(value).toEqualTypeOf<unknown>()
expectTypeOf(connection.sendBytes(new Uint8Array(9), { offset: 1, size: 2 })).toEqualTypeOf<Promise<void>>()
expectTypeOf(connection.recvBytes({ maxLength: 1 })).toEqualTypeOf<Promise<Buffer>>()
expectTypeOf(connection.poll(0)).toEqualTypeOf<Promise<boolean>>()
expectTypeOf(connection.sendHandle(1)).toEqualTypeOf<Promise<void>>()
expectTypeOf(connection.recvHandle()).toEqualTypeOf<Promise<number>>()
expectTypeOf(connection.fd).toEqualTypeOf<number | undefined>()
expectTypeOf(connection.detach()).toEqualTypeOf<number>()
expectTypeOf(connection.end()).toEqualTypeOf<void>()
expectTypeOf(connection.close()).toEqualTypeOf<Promise<void>>()
expectTypeOf(connection).toExtend<AsyncDisposable>()
// @ts-expect-error bytes only
connection.sendBytes('text')
// @ts-expect-error a part is for bytes
connection.send('text', { offset: 1 })
// @ts-expect-error a limit is for bytes
connection.recv({ maxLength: 1 })
// @ts-expect-error read only
connection.closed = true

// Connections of one type of values: what you say that they are, or what the codec is for.
type Message = { readonly id: number }
const typed = await connect<Message>({ path: '/run/socket' }, { authKey, codec: 'pickle' })
expectTypeOf(typed).toEqualTypeOf<Connection<Message>>()
expectTypeOf(typed.recv()).toEqualTypeOf<Promise<Message>>()
for await (const message of typed) expectTypeOf(message.id).toEqualTypeOf<number>()
typed.send({ id: 1 })
// @ts-expect-error another type
typed.send({ name: 'x' })
// @ts-expect-error no part of what it receives
typed.recv<string>()
const typedListener = await Listener.listen<Message>({ address: { abstract: 'name' }, authKey })
expectTypeOf(typedListener.accept()).toEqualTypeOf<Promise<Connection<Message>>>()
expectTypeOf(pipe<Message>()).toEqualTypeOf<Promise<[Connection<Message>, Connection<Message>]>>()
expectTypeOf(Connection.open<Message>(3)).toEqualTypeOf<Connection<Message>>()
// What takes any connection takes these.
const some: readonly Connection[] = [connection, typed]
expectTypeOf(deliverChallenge(typed, authKey, { timeout: 1 })).toEqualTypeOf<Promise<void>>()
expectTypeOf(answerChallenge(connection, new Uint8Array(32), { allowLegacyMd5: true })).toEqualTypeOf<Promise<void>>()

// Codecs.
expectTypeOf<CodecName>().toEqualTypeOf<'clone' | 'json' | 'bytes' | 'pickle'>()
const text: Codec<string> = {
  encode: (value) => Buffer.from(value),
  decode: (bytes) => Buffer.from(bytes).toString(),
}
expectTypeOf(await connect({ path: '/run/socket' }, { authKey, codec: text })).toEqualTypeOf<Connection<string>>()
expectTypeOf(pipe({ codec: text })).toEqualTypeOf<Promise<[Connection<string>, Connection<string>]>>()
expectTypeOf(Listener.listen({ address: { abstract: 'name' }, authKey, codec: text })).toEqualTypeOf<
  Promise<Listener<string>>
>()
expectTypeOf(pipe({ codec: pickle })).toEqualTypeOf<Promise<[Connection, Connection]>>()
expectTypeOf(pickleCodec({ exact: true, maxValues: 1 })).toExtend<Codec>()
// @ts-expect-error an unknown codec
pipe({ codec: 'pickles' })
// @ts-expect-error half a codec
pipe({ codec: { encode: text.encode } })
// @ts-expect-error a codec for another type
pipe<number>({ codec: text })
// @ts-expect-error an unknown option
pickleCodec({ exakt: true })

// Waiting: what is ready is of what was waited for.
expectTypeOf(wait(some)).toEqualTypeOf<Promise<Connection[]>>()
expectTypeOf(wait([connection, listener], { timeout: 0 })).toEqualTypeOf<Promise<(Connection | Listener)[]>>()
expectTypeOf(wait([typed])).toEqualTypeOf<Promise<Connection<Message>[]>>()
// @ts-expect-error neither a connection nor a listener
wait([process.stdin])
// @ts-expect-error several are an array
wait(connection)
