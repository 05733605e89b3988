// Runs in: template, before any code of the user (main/first-look.cts). Notes who calls module.register(): such loader
// hooks run in a thread. A forked child would lack the thread, and its next import would wait for it for ever. The
// kernel's list of threads does not say what the thread is for.
//
// A child could only get the thread by starting it, and by registering all hooks again. That takes as long as a new
// process.
import nodeModule = require('node:module')

type Register = typeof nodeModule.register

const original: Register | undefined = nodeModule.register
let noted: string | undefined

/** The URL without its query, where loaders keep a counter. A `data:` URL is shortened. */
const nameOf = (specifier: string): string => specifier.replace(/\?.*/s, '').slice(0, 80)

// A method, so that a program sees this name.
const watching = {
  register(this: unknown, ...args: Parameters<Register>): ReturnType<Register> {
    noted ??= nameOf(String(args[0]))
    return Reflect.apply(original!, this, args)
  },
}

function replace(register: Register): void {
  nodeModule.register = register
  nodeModule.syncBuiltinESMExports()
}

/** Replaces module.register() by a function that notes its caller. A later Node may not have it any more. */
function watchHooks(): void {
  if (original) replace(watching.register as Register)
}

/** If hooks were registered, a clause that says what it means. */
function whyHooksCannotFork(): string | undefined {
  if (noted === undefined) return undefined
  return (
    `the loader hooks of module.register('${noted}') run in a thread, which a forked child would lack; ` +
    'hooks of module.registerHooks() can be forked (Node 22.15 and later have it)'
  )
}

/** In a child the function is Node's own again. */
function stopWatchingHooks(): void {
  delete require.cache[__filename] // a program must not find it there
  if (original && nodeModule.register === watching.register) replace(original)
}

export = { watchHooks, whyHooksCannotFork, stopWatchingHooks }
