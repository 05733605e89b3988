// Runs in: the test runner. What the contract tests of Pool share: their tasks, and pools of two workers.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { after } from 'node:test'
import { Pool, type PoolOptions, remote } from 'forkserver'
import { contract, type Site } from './contract.js'

export const tasks = remote<typeof import('../fixtures/pool/tasks.js')>(
  new URL('../fixtures/pool/tasks.js', import.meta.url),
)

export const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

/** All that an iteration gives. */
export async function collect<T>(results: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const result of results) all.push(result)
  return all
}

/** What a suite of one way to a server is given. */
export interface PoolSite extends Site {
  open(options?: PoolOptions): Pool
  /** The path of a file that does not exist yet, and is removed behind the suite. */
  newFile(): string
}

/** As contract(), with pools. */
export function poolContract(title: string, suite: (site: PoolSite) => void): void {
  contract(title, (site) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-pool-'))
    after(() => rmSync(folder, { recursive: true }))
    let files = 0
    suite({
      way: site.way,
      get server() {
        return site.server
      },
      open: (options = {}) => new Pool({ server: site.server, processes: 2, ...options }),
      newFile: () => path.join(folder, `note${files++}`),
    })
  })
}
