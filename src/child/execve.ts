// Runs in: child, however it was born. process.execve() replaces the program of the process, and that
// closes the lifeline, as it closes all descriptors of Node. The new program has to end with its owner
// as well, so the lifeline stays open for it.
import type { Native } from '../platform/native.js'
import { replaceMethod } from './imitate.js'

/** The members of `process` that are used here. Node has execve() since 22.15. */
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
      native.inheritLifeline(0) // execve() threw, because its arguments were wrong
    }
  })
}
