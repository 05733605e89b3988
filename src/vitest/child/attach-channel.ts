// Runs in: child. Opens Node's channel on descriptor 3, and runs test files.
import childProcess from 'node:child_process'
import { runTests } from './run-tests.js'

/** Runs test files. */
export async function run(distPath: string): Promise<void> {
  ;(childProcess as unknown as { _forkChild(fd: number, mode: string): void })._forkChild(3, 'advanced')
  await runTests(distPath)
}
