// Runs in: forked child; and once in the template, as a rehearsal. Replaces functions of Node by functions of
// forkserver with the same name and length, so that a program cannot tell them apart. Pure.

/** Gives a function the name and the length of the one that it replaces. */
export function imitate(ours: object, original: { name: string; length: number }): void {
  for (const key of ['name', 'length'] as const)
    Object.defineProperty(ours, key, { value: original[key], configurable: true })
}

/** Replaces one method of an object by the function that `make` returns for the original. */
export function replaceMethod<Target, Name extends keyof Target>(
  target: Target,
  name: Name,
  make: (original: Target[Name]) => Target[Name],
): void {
  const original = target[name]
  const ours = make(original)
  imitate(ours as object, original as { name: string; length: number })
  target[name] = ours
}
