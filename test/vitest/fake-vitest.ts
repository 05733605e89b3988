// Runs in: the test runner. A vitest that is none, in a folder of its own: its processes only say that they are there,
// and wait.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { after } from 'node:test'
import type { ProjectConfig, Vitest, WorkerOptions } from '#src/vitest/vitest-types.js'

const FILES: Record<string, string> = {
  'package.json': '{ "type": "module" }',
  'index.js': '',
  'runtime.js': 'export const builtinEnvironments = {}',
  'chunks/none.js': '',
  'worker.js': `
    export const init = ({ post }) => { setInterval(() => {}, 1000); post({ pid: process.pid }) }
    export const runBaseTests = () => {}
    export const setupEnvironment = async () => {}`,
  // A process of vitest's own.
  'node.js': `
    export class ForksPoolWorker {
      cacheFs = true
      isPlain = true
      on() {}
      off() {}
      send() {}
      deserialize(data) { return data }
      async start() { this.isStarted = true }
      async stop() {}
    }`,
}

/** One instance. Its folder is removed when the tests of this file are over. */
export class FakeVitest implements Vitest {
  readonly distPath = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'forkserver-fake-vitest-')))
  readonly outputs = [new PassThrough(), new PassThrough()] as const
  readonly version = '0.0.0'
  readonly config = { watch: false }
  readonly state = { getPaths: (): string[] => [] }
  readonly warnings: string[] = []
  readonly logger = {
    outputStream: this.outputs[0],
    errorStream: this.outputs[1],
    warn: (text: string): void => void this.warnings.push(text),
  }
  readonly closes: (() => Promise<void>)[] = []

  constructor() {
    after(() => rmSync(this.distPath, { recursive: true }))
    mkdirSync(path.join(this.distPath, 'chunks'))
    for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(this.distPath, name), text)
  }

  onClose(callback: () => Promise<void>): void {
    this.closes.push(callback)
  }

  /** @param config of the project */
  options(others: Partial<WorkerOptions> = {}, config: Partial<ProjectConfig> = {}): WorkerOptions {
    return {
      distPath: this.distPath,
      project: { vitest: this, config: { root: this.distPath, maxWorkers: 1, ...config } },
      environment: { name: 'node', options: null },
      execArgv: [],
      env: process.env,
      ...others,
    }
  }
}
