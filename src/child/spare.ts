// Runs in: forked child; and once in the template, as a rehearsal. A spare: a child that is born before anybody needs
// it. It waits for its job, which comes with the descriptors that become its standard streams.
//
// No JavaScript and no event loop runs while it waits. What was not known at its birth, or has changed since, comes
// then: the descriptors, and the time.
import os from 'node:os'
import { check, isErrno, type Native, POLLIN, RECEIVED_DESCRIPTORS, resourceError } from '../platform/native.js'
import { MAX_STDIO } from '../wire/startup.js'
import { ChildChannel } from './job-channel.js'
import { openPracticeJob } from './practice-job.js'
import { runJob } from './run-job.js'

/**
 * Waits for the first bytes of a job, and takes the descriptors that come with them.
 *
 * @param into takes the bytes
 * @returns how many there are; 0 if the owner does not need this spare any more, or is gone
 * @throws ResourceError ERR_RESOURCE if this process may not open so many descriptors
 */
export function receiveWithStdio(
  native: Pick<Native, 'poll' | 'receive' | 'beginSpare'>,
  channel: number,
  into: Buffer,
): number {
  const descriptors = new Int32Array(RECEIVED_DESCRIPTORS)
  const waited = Int32Array.of(channel, POLLIN, 0)
  let length: number
  do {
    const ready = native.poll(waited, 1, -1)
    if (!isErrno(ready, 'EINTR')) check('poll', ready)
    length = native.receive(channel, into, descriptors)
  } while (isErrno(length, 'EAGAIN'))
  if (length <= 0) return 0
  const count = descriptors[0]!
  if (count < 0) throw resourceError('recvmsg', os.constants.errno.EMFILE)
  check('dup', native.beginSpare(descriptors.subarray(1, 1 + count), MAX_STDIO))
  return length
}

/**
 * Runs a small job, as the real one will run. It takes over pages of the template's memory that the kernel copies when
 * they are written to, which the real job would have to wait for: half a millisecond.
 * @throws ResourceError ERR_RESOURCE
 */
export async function practise(native: Pick<Native, 'socketPair' | 'close' | 'poll' | 'receive'>): Promise<void> {
  const practice = openPracticeJob(native)
  const { channelFd } = practice
  const channel = new ChildChannel(channelFd)
  const site = { poll: native.poll, receive: native.receive, beginSpare: () => 0 }
  const job = channel.readJob((into) => receiveWithStdio(site, channelFd, into))!
  channel.sayBegun(process.pid)
  await runJob({}, channel, job.head, job.args)
  practice.close()
}
