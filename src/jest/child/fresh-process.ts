// Runs in: child. jest gives a test a copy of `process`. In a prepared context it is a copy of the template's.

/** Makes the copy one of this process: its id, its parent and its environment. */
export function freshProcess(copy: NodeJS.Process): void {
  for (const name of ['pid', 'ppid'] as const)
    Object.defineProperty(copy, name, { value: process[name], enumerable: true, configurable: true, writable: true })
  for (const name of Object.keys(copy.env)) if (!(name in process.env)) delete copy.env[name]
  Object.assign(copy.env, process.env)
}
