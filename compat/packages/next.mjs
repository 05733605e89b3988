// Runs in: plain node, the template, a child. next: the server is made, and its compiled parts run.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
export const load = () => ({
  next: require('next'),
  phases: require('next/constants'),
  semver: require('next/dist/compiled/semver'),
  babel: require('next/dist/compiled/babel/core'),
})
export const use = async ({ next, phases, semver, babel }) => {
  const { code } = await babel.transformAsync('const a = <b/>', { parserOpts: { plugins: ['jsx'] }, configFile: false })
  return `${typeof next} ${phases.PHASE_PRODUCTION_BUILD} ${semver.valid('1.2.3')} ${code}`
}
