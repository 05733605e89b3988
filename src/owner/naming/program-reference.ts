// Runs in: owner. Pure. The name of a whole program, as a Reference is the name of a function.
import { inspect } from 'node:util'
import { UsageError } from '../../errors.js'
import type { ProgramHead } from '../../wire/job.js'

/**
 * Names a whole program. Made by program().
 *
 * @example
 * const build: Program = program('./build.js')
 */
export class Program {
  /** @internal */
  readonly head: ProgramHead

  /** @internal */
  constructor(head: ProgramHead) {
    this.head = Object.freeze(head)
    Object.freeze(this)
  }

  /**
   * For messages.
   *
   * @returns the path of the program, `[eval]` or `[stdin]`
   */
  toString(): string {
    const { file, eval: code } = this.head
    return file ?? (code === undefined ? '[stdin]' : '[eval]')
  }
}

/** @throws UsageError ERR_INVALID_ARGUMENT */
export function checkArgv(args: readonly unknown[]): void {
  const wrong = args.findIndex((value) => typeof value !== 'string' || value.includes('\0'))
  if (wrong < 0) return
  const found = inspect(args[wrong], { depth: 0 })
  const text = `The arguments of a program are strings without NUL, as on a command line; number ${wrong} is ${found}.`
  throw new UsageError('ERR_INVALID_ARGUMENT', text)
}
