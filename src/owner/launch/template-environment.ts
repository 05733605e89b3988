// Runs in: owner. The environment that a template's process starts with. The program in it sees what its owner asked
// for: the preload library restores LD_PRELOAD before Node runs, and first-look restores NODE_OPTIONS before anything
// of the user's runs.
import { fileURLToPath } from 'node:url'
import { TEMPLATE_DESCRIPTORS } from '../../wire/startup.js'

const FIRST_LOOK = fileURLToPath(new URL('../../main/first-look.cjs', import.meta.url))

/** Node splits NODE_OPTIONS at spaces, except inside double quotes; in these a backslash keeps the next character. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/** What the process of a template gets instead of the environment `env`. */
export function templateEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return {
    ...env,
    // By descriptor: the variable can hold no path with a space or a colon.
    LD_PRELOAD: `/proc/self/fd/${TEMPLATE_DESCRIPTORS.preload}${env.LD_PRELOAD ? `:${env.LD_PRELOAD}` : ''}`,
    NODE_OPTIONS: quoted(`--require=${FIRST_LOOK}`) + (env.NODE_OPTIONS === undefined ? '' : ` ${env.NODE_OPTIONS}`),
    // Node's own profiler must not see it: the template counts for its children (child/coverage.ts).
    NODE_V8_COVERAGE: undefined,
  }
}
