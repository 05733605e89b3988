// Runs the tests in vitest's own processes, and then in forked ones.
import { startVitest } from 'vitest/node'

for (const pool of ['forks', undefined]) {
  const vitest = await startVitest([], { watch: false, reporters: [{}], ...(pool && { pool }) })
  const modules = vitest.state.getTestModules()
  const tests = modules.flatMap((module) => [...module.children.allTests()])
  const passed = tests.filter((test) => test.ok())
  console.log(`${vitest.config.pool}: ${passed.length} of ${tests.length} tests passed, in ${modules.length} files`)
  await vitest.close()
}
