// Runs in: plain node, the template, a child. rollup bundles; its parser is native.
export const load = () => import('rollup')
export const use = async ({ rollup }) => {
  const files = { a: 'import { b } from "b"; export default b + 1', b: 'export const b = 1, unused = 2' }
  const memory = { name: 'memory', resolveId: (id) => id, load: (id) => files[id] }
  const bundle = await rollup({ input: 'a', plugins: [memory] })
  const { output } = await bundle.generate({ format: 'cjs' })
  await bundle.close()
  return output[0].code
}
