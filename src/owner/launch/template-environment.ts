// Runs in: owner. The environment that a template's process starts with. The program in it still sees the environment
// that its owner asked for: the preload library restores LD_PRELOAD before Node runs, and first-look restores
// NODE_OPTIONS before any code of the user runs.
import { ownFile } from '../../platform/own-files.js'
import watched from '../../platform/watched-files.cjs'
import { TEMPLATE_DESCRIPTORS } from '../../wire/startup.js'

const FIRST_LOOK = ownFile('main/first-look.cjs')

/** Node splits NODE_OPTIONS at spaces, except inside double quotes; in these a backslash keeps the next character. */
const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

/** What the process of a template gets instead of the environment `env`. */
export function templateEnvironment(env: NodeJS.ProcessEnv, { watch }: { watch: boolean }): NodeJS.ProcessEnv {
  return {
    ...env,
    // By descriptor, because the variable cannot hold a path with a space or a colon.
    LD_PRELOAD: `/proc/self/fd/${TEMPLATE_DESCRIPTORS.preload}${env.LD_PRELOAD ? `:${env.LD_PRELOAD}` : ''}`,
    NODE_OPTIONS: quoted(`--require=${FIRST_LOOK}`) + (env.NODE_OPTIONS === undefined ? '' : ` ${env.NODE_OPTIONS}`),
    // Hidden from Node's own profiler, because the template measures coverage for its children (child/coverage.ts).
    NODE_V8_COVERAGE: undefined,
    ...(watch && { [watched.VARIABLE]: watched.ON }),
  }
}
