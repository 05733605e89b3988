// Runs in: owner and child. The public face of forkserver/connection: re-exports only.
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
