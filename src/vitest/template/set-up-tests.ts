// Runs in: template. The first module that a template for test files loads. It makes the surroundings that packages see
// in vitest's own processes: they are loaded only once, so they must see here what they would see there. What to set up
// is in the query of this module's URL, because it must be known before the next module is loaded.
import { Console } from 'node:console'
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { importModule } from '../../platform/import-module.js'
import { type Environment, freezeEnvironment } from '../child/frozen-environment.js'
import { importWorker } from '../child/run-tests.js'

/** What is set up for test files. */
export interface TestSetup {
  /** The folder of vitest's compiled files. */
  distPath: string
  /** The environment of the test files, such as jsdom, and its options. */
  environment: { name: string; options: object }
  /** Whether the environment is set up in the template. */
  freezesEnvironment: boolean
  /** The global variables that vitest defines. */
  defines: Record<string, unknown>
  /** Whether vitest gives test files a `console` of its own. */
  replacesConsole: boolean
  /** What to call when everything is loaded. */
  warmup: { module: string; name: string } | null
  /** Variables that the template has: one with others is another template. */
  env: NodeJS.ProcessEnv
}

const nodesConsole = globalThis.console

/** Where vitest keeps the matchers that expect.extend() adds. */
const MATCHERS = Symbol.for('$$jest-matchers-object')
let vitestsMatchers: PropertyDescriptor | undefined

const setup = JSON.parse(decodeURIComponent(new URL(import.meta.url).search.slice(1))) as TestSetup

// Functions that no warm-up calls would be compiled in each child. With a warm-up that is worth it for vitest and the
// DOM; without one, also for packages (`npm run bench -- vitest`).
setFlagsFromString('--no-lazy')
await setUp(setup)
if (setup.warmup) setFlagsFromString('--lazy')

/** When all modules are loaded: the warm-up of the user, in the same surroundings. Then Node's console comes back. */
export async function finish(): Promise<void> {
  const { warmup } = setup
  setFlagsFromString('--lazy')
  if (warmup) {
    const namespace = (await importModule(warmup.module)) as Record<string, unknown>
    const call = namespace[warmup.name]
    if (typeof call !== 'function') throw new TypeError(`${warmup.module} exports no function ${warmup.name}.`)
    await call()
  }
  globalThis.console = nodesConsole
  if (vitestsMatchers) Object.defineProperty(globalThis, MATCHERS, vitestsMatchers)
}

async function setUp({
  distPath,
  environment,
  freezesEnvironment,
  defines,
  replacesConsole,
}: TestSetup): Promise<void> {
  const load = (name: string): Promise<object> => import(pathToFileURL(path.join(distPath, name)).href)
  await importWorker(distPath)
  await load('index.js')
  const { builtinEnvironments } = (await load('runtime.js')) as { builtinEnvironments: Record<string, Environment> }
  for (const name of readdirSync(path.join(distPath, 'chunks')))
    if (/^console\./.test(name)) await load(`chunks/${name}`)
  const known = Object.hasOwn(builtinEnvironments, environment.name) ? builtinEnvironments[environment.name] : undefined
  if (known && freezesEnvironment) await freezeEnvironment(known, environment.options)
  Object.assign(globalThis, defines)
  process.env.SSR = (known?.viteEnvironment ?? environment.name) === 'client' ? '' : '1'
  if (replacesConsole) globalThis.console = forwardingConsole()
  hearMatchers()
}

/**
 * A package that adds matchers while it is loaded looks for the global `expect`, as far as the tripwires know:
 * preloaded, it would add them in every test file.
 */
function hearMatchers(): void {
  vitestsMatchers = Object.getOwnPropertyDescriptor(globalThis, MATCHERS)
  if (!vitestsMatchers?.get) return
  const get = vitestsMatchers.get.bind(globalThis) as () => { matchers: object }
  const hear = (): void => void Reflect.has(globalThis, 'expect')
  Object.defineProperty(globalThis, MATCHERS, {
    ...vitestsMatchers,
    get: () => {
      const kept = get()
      const matchers = new Proxy(kept.matchers, {
        defineProperty: (target, name, descriptor) => {
          hear()
          return Reflect.defineProperty(target, name, descriptor)
        },
      })
      return { ...kept, matchers }
    },
  })
}

/**
 * A console like the one that vitest makes for each test file. A module may look at what it can do (Node's own console
 * has timeStamp(), a Console has not), and may keep it. What it prints later goes to the console of that time.
 */
function forwardingConsole(): Console {
  const leading = (kept: '_stdout' | '_stderr', stream: 'stdout' | 'stderr'): Writable =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, encoding, done) {
        const today = globalThis.console as Console & Partial<Record<typeof kept, Writable>>
        const target = today === own || today === nodesConsole ? undefined : today[kept]
        const to: NodeJS.WritableStream = target ?? process[stream]
        to.write(chunk, encoding, done)
      },
    })
  const own = new Console({
    stdout: leading('_stdout', 'stdout'),
    stderr: leading('_stderr', 'stderr'),
    groupIndentation: 2,
  })
  return own
}
