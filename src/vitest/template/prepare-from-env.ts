// Runs in: template. The warm-up of a template for test files.
import { prepareTests } from './prepare-tests.js'

/** Prepares this template as its environment says. */
export async function prepare(): Promise<void> {
  const text = process.env.FORKSERVER_VITEST!
  delete process.env.FORKSERVER_VITEST
  await prepareTests(JSON.parse(text))
}
