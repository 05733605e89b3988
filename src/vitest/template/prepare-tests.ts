// Runs in: template. Loads what test files need: vitest's worker, their DOM, and packages. What a package sees while it
// is loaded must be what it sees in vitest's own processes, because it is loaded only once.
import { Console } from 'node:console'
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { importModule } from '../../platform/import-module.js'
import { type Environment, freezeEnvironment } from '../child/frozen-environment.js'
import { importWorker } from '../child/run-tests.js'

/** What a template for test files is made of. */
export interface Preparation {
  /** The folder of vitest's compiled files. */
  distPath: string
  /** The environment of the test files. */
  environment: { name: string; options: object }
  /** Whether the environment is set up here. */
  freezesEnvironment: boolean
  /** URLs of the modules to load, in this order. */
  modules: readonly string[]
  /** Global variables that vitest defines before it loads anything. */
  defines: Record<string, unknown>
  /** Whether vitest replaces `console` before it loads anything. */
  replacesConsole: boolean
  /** The function to call at the end. */
  warmup: { module: string; name: string } | null
}

/** Prepares this template. */
export async function prepareTests(preparation: Preparation): Promise<void> {
  const { distPath, environment, defines, modules, warmup } = preparation
  await importWorker(distPath)
  const { builtinEnvironments } = (await import(pathToFileURL(path.join(distPath, 'runtime.js')).href)) as {
    builtinEnvironments: Record<string, Environment>
  }
  await import(pathToFileURL(path.join(distPath, 'index.js')).href)
  await importLazyParts(distPath)
  const known = builtinEnvironments[environment.name]
  if (known && preparation.freezesEnvironment) await freezeEnvironment(known, environment.options)
  Object.assign(globalThis, defines)
  process.env.SSR = (known?.viteEnvironment ?? environment.name) === 'client' ? '' : '1'
  const nodes = globalThis.console
  if (preparation.replacesConsole) globalThis.console = forwardingConsole(nodes)
  try {
    for (const module of modules) await import(module)
    if (warmup) await callWarmup(warmup)
  } finally {
    globalThis.console = nodes
  }
}

async function importLazyParts(distPath: string): Promise<void> {
  const chunks = path.join(distPath, 'chunks')
  if (!existsSync(chunks)) return
  for (const name of readdirSync(chunks)) {
    if (/^console\./.test(name)) await import(pathToFileURL(path.join(chunks, name)).href)
  }
}

async function callWarmup({ module, name }: { module: string; name: string }): Promise<void> {
  const namespace = (await importModule(module)) as Record<string, () => unknown>
  await namespace[name]!()
}

/**
 * A console like the one that vitest makes for each test file. A module may look at what it can do (Node's own console
 * has timeStamp(), a Console has not), and may keep it. What it prints later goes to the console of that time.
 */
function forwardingConsole(nodes: Console): Console {
  const to = (name: '_stdout' | '_stderr', stream: 'stdout' | 'stderr'): Writable =>
    new Writable({
      decodeStrings: false,
      write(chunk, encoding, done) {
        const today = globalThis.console as Console & Partial<Record<typeof name, Writable>>
        const isOurs = today === own || today === nodes
        const target: NodeJS.WritableStream = isOurs ? process[stream] : (today[name] ?? process[stream])
        target.write(chunk as string, encoding, done)
      },
    })
  const own = new Console({ stdout: to('_stdout', 'stdout'), stderr: to('_stderr', 'stderr'), groupIndentation: 2 })
  return own
}
