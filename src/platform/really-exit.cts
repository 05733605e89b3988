// Runs in: template, before any code of the user; and forked child. process.reallyExit() of Node, behind a function of
// forkserver.
//
// Packages keep the function that they find while they are loaded: signal-exit calls it from its own, and puts it back
// when nobody listens any more. Loaded in a template they would keep Node's, which ends a child through a teardown that
// must not run there (child/leave.ts): output was lost, and it could wait for threads that are gone for ever.

type ReallyExit = (this: unknown, code?: number) => void

/** Where the calls go; undefined: to Node. */
let target: ((code?: number) => void) | undefined

// Kept, because a program may replace it.
const { apply } = Reflect

/** Puts the function in the place of Node's. */
function standIn(self: { reallyExit: ReallyExit }): void {
  const original = self.reallyExit
  const ours: ReallyExit = function (code) {
    if (target) target(code)
    else apply(original, this, [code])
  }
  // As imitate() of child/imitate.ts, which is an ES module.
  for (const key of ['name', 'length'] as const)
    Object.defineProperty(ours, key, { value: original[key], configurable: true })
  self.reallyExit = ours
}

/** In a child: whoever has kept the function leaves as this child does. */
function redirect(leave: (code?: number) => void): void {
  target = leave
}

export = { standIn, redirect }
