// Runs in: child, however it was born. Runs a whole program as the main module, as `node` runs the file on its command
// line.
import Module, { builtinModules, createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import vm from 'node:vm'
import { UsageError } from '../errors.js'
import { importMain, importModule } from '../platform/import-module.js'
import type { JobSurroundings, ProgramHead } from '../wire/job.js'
import { openIpc } from './ipc.js'

/** Undocumented parts of Node's module system, in Node 20, 22, 24 and 26. Many packages use `runMain`. */
interface NodeModule {
  runMain(): void
  _preloadModules(names: readonly string[]): void
  _nodeModulePaths(folder: string): string[]
  registerHooks?(hooks: object): { deregister(): void }
}
const NodeModule = Module as unknown as NodeModule & (new (id: string) => NodeJS.Module)

/**
 * Makes this the process of a program, and starts the program in a turn of the loop of its own. A stack then has one
 * frame below the main module, as in plain Node. forkserver does not catch its errors, so Node reports them.
 */
export function startProgram(head: ProgramHead, argv: readonly string[], ipc?: JobSurroundings['ipc']): void {
  describe(head, argv)
  const start = starterOf(head)
  const { require = [], import: imports = [] } = head
  // All in one turn, without a look at the descriptors between: a message must not come before the program listens.
  if (ipc) setImmediate(openIpc, ipc)
  if (require.length + imports.length === 0) return void setImmediate(start)
  let next: NodeJS.Immediate | undefined
  setImmediate(() => {
    const { _preloadModules: preloadModules } = NodeModule
    let hasThrown = true
    try {
      preloadModules(require) // without a receiver, as Node calls it: a stack would show the receiver
      hasThrown = false
    } finally {
      if (hasThrown) clearImmediate(next)
    }
    if (imports.length > 0) void importFirst(imports, start)
  })
  if (imports.length === 0) next = setImmediate(start)
}

function describe(
  { file, eval: code, stdin, require = [], import: imports = [], execArgv }: ProgramHead,
  argv: readonly string[],
) {
  const main = file === undefined ? [] : [path.resolve(file)]
  process.argv = [process.execPath, ...main, ...(stdin ? ['-'] : []), ...argv]
  if (code !== undefined) Object.assign(process, { _eval: code }) // some packages read it
  if (execArgv) process.execArgv = [...execArgv]
  process.execArgv.push(
    ...require.flatMap((name) => ['--require', name]),
    ...imports.flatMap((name) => ['--import', name]),
    ...(code === undefined ? [] : ['--eval', code]),
  )
}

// The caller does not await it: in Node, too, a failed --import is a rejection that nobody handles.
async function importFirst(imports: readonly string[], start: () => void): Promise<void> {
  for (const name of imports) await importModule(/^[./]/.test(name) ? pathToFileURL(name).href : name)
  setImmediate(start)
}

function starterOf({ file, eval: code, inputType, stdin }: ProgramHead): () => void {
  if (file !== undefined) return NodeModule.runMain.bind(NodeModule)
  if (stdin) return () => void readStdin().then((text) => setImmediate(evaluate, '[stdin]', text))
  if (inputType === 'module') return evaluateModule.bind(null, code!)
  return evaluate.bind(null, '[eval]', code!)
}

async function readStdin(): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) text += chunk
  return text
}

// As Node does for --eval and stdin: each module is loaded when its name is first used, and a program may use the name
// for itself.
function offerBuiltIns(require: NodeJS.Require): void {
  for (const name of builtinModules) {
    if (/^_|[/:]/.test(name) || name in globalThis) continue
    const put = (value: unknown): void => {
      Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true })
    }
    const get = (): unknown => {
      const value: unknown = require(name)
      put(value)
      return value
    }
    Object.defineProperty(globalThis, name, { get, set: put, enumerable: false, configurable: true })
  }
}

// Runs code as a script in the global scope. It finds what a CommonJS module in the working directory finds.
function evaluate(name: string, code: string): void {
  const filename = path.join(process.cwd(), name)
  const module = new NodeModule(name)
  module.filename = filename
  module.paths = NodeModule._nodeModulePaths(process.cwd())
  const require = createRequire(filename)
  offerBuiltIns(require)
  const surroundings = {
    module,
    exports: module.exports,
    require,
    __filename: name,
    __dirname: '.',
  }
  for (const [key, value] of Object.entries(surroundings)) {
    Object.defineProperty(globalThis, key, { value, writable: true, enumerable: true, configurable: true })
  }
  warnOfMainLoader()
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  new vm.Script(code, { filename: name, importModuleDynamically }).runInThisContext()
}

// Node calls this loader of scripts experimental, in a warning at the first import(). For --eval Node has another way
// to the same loader, which only it can use, and which does not warn. So this makes the warning come now, and drops it.
function warnOfMainLoader(): void {
  const { emitWarning } = process
  process.emitWarning = () => {}
  const importModuleDynamically = vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  new vm.Script("import('node:process')", { importModuleDynamically }).runInThisContext()
  process.emitWarning = emitWarning
}

// The loader is asked for a file in the working directory that does not exist, and a hook answers with the code.
function evaluateModule(code: string): void {
  if (!NodeModule.registerHooks)
    throw new UsageError(
      'ERR_UNSUPPORTED',
      `Node ${process.version} cannot evaluate a module in a child. Write it to a file, or use Node 22.15 or later.`,
    )
  const url = new URL('[eval1]', pathToFileURL(`${process.cwd()}/`)).href
  const hooks = NodeModule.registerHooks({
    resolve: (specifier: string, context: unknown, next: (...args: unknown[]) => unknown) =>
      specifier === url ? { url, format: 'module', shortCircuit: true } : next(specifier, context),
    load: (asked: string, context: unknown, next: (...args: unknown[]) => unknown) =>
      asked === url ? { format: 'module', source: code, shortCircuit: true } : next(asked, context),
  })
  void importMain(url).finally(() => hooks.deregister())
}
