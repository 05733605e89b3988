// Runs in: owner and child. The public face of forkserver/connection: re-exports only.

// The types of Node, also for a program whose tsconfig.json names no types.
/// <reference types="node" preserve="true" />

export * from '../errors.js'
export { AuthKey } from '../wire/auth/auth-key.js'
export type { Digest } from '../wire/auth/digests.js'
export type { Address } from './address.js'
export { answerChallenge, deliverChallenge } from './authentication.js'
export type { Codec, CodecName } from './codecs.js'
export { connect } from './connect.js'
export { Connection } from './connection.js'
export type {
  AuthOptions,
  ChallengeOptions,
  ConnectionOptions,
  ConnectOptions,
  ListenOptions,
  PipeOptions,
  ReceiveBytesOptions,
  ReceiveOptions,
  SendOptions,
} from './connection-options.js'
export { Listener } from './listener.js'
export type { ListenerEvents } from './listener-events.js'
export {
  ByteArray,
  Float,
  FrozenSet,
  type PickleCodec,
  type PickleOptions,
  pickle,
  pickleCodec,
  Tuple,
} from './pickle/pickle.js'
export { pipe } from './pipe.js'
export { type Waitable, type WaitOptions, wait } from './wait.js'
