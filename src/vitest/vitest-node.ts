// Runs in: owner. The project's own vitest: it is imported from where the project has it, so that there is only one.
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type { VitestWorker, WorkerOptions } from './vitest-types.js'

interface FetchResult {
  externalize?: string
}

interface VitestNode {
  ForksPoolWorker: new (options: WorkerOptions) => VitestWorker
  createMethodsRPC(
    project: WorkerOptions['project'],
    options: { cacheFs: boolean; collect: boolean },
  ): { fetch(id: string, importer: string | undefined, environment: string): Promise<FetchResult> }
}

async function vitestNode(distPath: string): Promise<VitestNode> {
  return (await import(pathToFileURL(path.join(distPath, 'node.js')).href)) as VitestNode
}

/** A process of vitest's own pool `forks`. */
export async function plainWorker(name: string, options: WorkerOptions): Promise<VitestWorker> {
  const { ForksPoolWorker } = await vitestNode(options.distPath)
  const worker = new ForksPoolWorker(options)
  return Object.assign(worker, { name })
}

/** The URL from which test files of this project import a package. undefined: vitest transforms it. */
export async function externalUrl(name: string, options: WorkerOptions): Promise<string | undefined> {
  const { createMethodsRPC } = await vitestNode(options.distPath)
  const rpc = createMethodsRPC(options.project, { cacheFs: true, collect: false })
  const isDom = ['jsdom', 'happy-dom'].includes(options.environment.name)
  const { externalize } = await rpc.fetch(name, undefined, isDom ? 'client' : 'ssr')
  return externalize && path.isAbsolute(externalize) ? pathToFileURL(externalize).href : externalize
}
