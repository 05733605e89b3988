// Runs in: owner. Connects to the control socket of a template that another process started.

import { isErrno, type Native } from '../../platform/native.js'
import { performance, sleep } from '../../platform/timers.js'
import type { ListenAddress } from '../../wire/startup.js'
import { addressError } from './address-error.js'

/** How long apart two tries are while the template's queue of new connections is full, in milliseconds. */
const RETRY_MS = 5
/** How long to try, in milliseconds. */
const DIAL_TIMEOUT_MS = 10_000

/**
 * If the queue of new connections of a unix socket is full, connect() answers EAGAIN at once. It does not wait,
 * as it does for TCP, so this function waits.
 *
 * @returns the connected descriptor, which is the caller's to close
 * @throws ResourceError ERR_CONNECT, ERR_ADDRESS_TOO_LONG; the reason of the signal
 */
export async function dial(native: Native, address: ListenAddress, signal: AbortSignal): Promise<number> {
  const [name, isAbstract] = 'abstract' in address ? [address.abstract, 1] : [address.path, 0]
  for (const end = performance.now() + DIAL_TIMEOUT_MS; ; await sleep(RETRY_MS, undefined, { signal })) {
    const fd = native.connect(Buffer.from(name), isAbstract)
    if (fd >= 0) return fd
    if (!isErrno(fd, 'EAGAIN') || performance.now() > end) throw addressError('connect', -fd, address)
  }
}
