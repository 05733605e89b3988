// Runs in: template, before anything of the user's (main/first-look.cts). Notes who calls module.register(): such
// loader hooks run in a thread, which a forked child would lack, and its next import would wait for it for ever. In
// the kernel's list it is a thread like others.
//
// A child could only get the thread by starting it, and by registering all hooks again. That takes as long as a new
// process.
import nodeModule = require('node:module')

type Register = typeof nodeModule.register

const original: Register | undefined = nodeModule.register
let noted: string | undefined

/** Without its query, in which loaders count; and not all of a module that is written out in its URL. */
const nameOf = (specifier: string): string => specifier.replace(/\?.*/s, '').slice(0, 80)

// A method, so that its name is the one that a program sees.
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

/** Puts itself before module.register(), which a later Node may not have any more. */
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
  delete require.cache[__filename] // a program is not to find it there
  if (original && nodeModule.register === watching.register) replace(original)
}

export = { watchHooks, whyHooksCannotFork, stopWatchingHooks }
