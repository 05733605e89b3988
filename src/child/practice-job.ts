// Runs in: template, and in a spare before its job has come. A small job to practise with: the code that every job
// takes is then compiled, and its memory taken over.
import { writeSync } from 'node:fs'
import { check, type Native } from '../platform/native.js'
import { encodeFrame } from '../wire/frames.js'
import { encodeJob, type JobSurroundings } from '../wire/job.js'
import { encodeValue } from '../wire/values/clone.js'
import { REHEARSAL, WORKER_MODULE } from '../wire/worker/worker-messages.js'

/** A job channel with a job in it. */
export interface PracticeJob {
  /** The child's end. */
  readonly channelFd: number
  /** Closes both ends. */
  close(): void
}

/** @throws ResourceError ERR_RESOURCE */
export function openPracticeJob(
  native: Pick<Native, 'socketPair' | 'close'>,
  surroundings: JobSurroundings = {},
): PracticeJob {
  const pair = new Int32Array(2)
  check('socketpair', native.socketPair(pair))
  const [owner, child] = pair
  const head = { module: WORKER_MODULE, name: REHEARSAL, ...surroundings }
  writeSync(owner!, encodeFrame(encodeJob(head, encodeValue([{ text: '', list: [0] }], 'arguments'))))
  return {
    channelFd: child!,
    close: () => {
      native.close(owner!)
      native.close(child!)
    },
  }
}
