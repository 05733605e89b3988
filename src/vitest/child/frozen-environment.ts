// Runs in: template, which sets the environment up; and child, which takes it over. The DOM of test files (jsdom or
// happy-dom): setting it up takes hundreds of milliseconds, and a child finds it set up.
import { isDeepStrictEqual } from 'node:util'

/** What an environment of vitest gives for its end. */
export interface Teardown {
  teardown(global: object): unknown
}

/** An environment of vitest, as `vitest/runtime` exports those that come with it. */
export interface Environment {
  name: string
  viteEnvironment?: string
  setup(global: object, options: object): Teardown | Promise<Teardown>
}

interface Frozen {
  environment: Environment
  options: object
  teardown: Teardown
}

let frozen: Frozen | undefined

/** In the template: sets the environment up, for all children. */
export async function freezeEnvironment(environment: Environment, options: object): Promise<void> {
  frozen = { environment, options, teardown: await environment.setup(globalThis, options) }
}

/**
 * In a child, before vitest sets its environment up: what the template has set up is used if name and options are
 * equal. If they are not, it is taken down first.
 */
export async function takeEnvironmentOver(name: string, options: object): Promise<void> {
  if (!frozen) return
  const { environment, options: given, teardown } = frozen
  frozen = undefined
  if (environment.name !== name || !isDeepStrictEqual(given, options)) {
    await teardown.teardown(globalThis)
    return
  }
  const { setup } = environment
  environment.setup = () => {
    environment.setup = setup
    return teardown
  }
}
