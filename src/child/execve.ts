// Runs in: child, however it was born. process.execve() makes the process another program, and the lifeline is closed
// by that, as all descriptors of Node's are. The program shall end with its owner too, so the lifeline stays open for
// it.
import type { Native } from '../platform/native.js'
import { replaceMethod } from './imitate.js'

/** What is needed of `process`. Node has execve() since 22.15. */
export interface ExecProcess {
  execve?(...args: unknown[]): void
}

// Kept, because a program may replace it.
const { apply } = Reflect

/** Makes the lifeline of this child outlast execve(). It has no effect if the child has none. */
export function keepLifelineOverExec(self: ExecProcess, native: Pick<Native, 'inheritLifeline'>): void {
  if (!self.execve) return
  replaceMethod(self as Required<ExecProcess>, 'execve', (execve) => (...args) => {
    native.inheritLifeline(1)
    try {
      apply(execve, self, args)
    } finally {
      native.inheritLifeline(0) // it threw: the arguments were wrong
    }
  })
}
