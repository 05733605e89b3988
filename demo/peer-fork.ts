// Runs in: a competitor, started by child_process.fork(). Transpiles one file. The name and the answer are IPC
// messages.
import { transpile } from './jobs.js'
import type { PeerAnswer, Task } from './ways.js'

function answer(answer: PeerAnswer): void {
  // Without this the process would wait for the next message.
  process.send!(answer, () => process.disconnect())
}

process.once('message', ({ file, wantsMemory }: Task) => {
  try {
    answer({ transpiled: transpile(file, wantsMemory) })
  } catch (error) {
    answer({ failed: (error as Error).message })
  }
})
