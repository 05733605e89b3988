// Runs in: owner and child. The public face of forkserver/connection: re-exports only.

export type { Digest } from './auth-digests.js'
export { AuthKey } from './auth-key.js'
export type { Address } from './connection/address.js'
export { answerChallenge, deliverChallenge } from './connection/authentication.js'
export type { Codec, CodecName } from './connection/codecs.js'
export { connect } from './connection/connect.js'
export { Connection } from './connection/connection.js'
export { Listener, type ListenerEvents } from './connection/listener.js'
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
} from './connection/options.js'
export {
  ByteArray,
  Float,
  FrozenSet,
  type PickleCodec,
  type PickleOptions,
  pickle,
  pickleCodec,
  Tuple,
} from './connection/pickle.js'
export { pipe } from './connection/pipe.js'
export { type Waitable, type WaitOptions, wait } from './connection/wait.js'
export * from './errors.js'
