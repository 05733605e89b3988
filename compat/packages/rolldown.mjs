// Runs in: plain node, the template, a child. rolldown bundles on its runtime's threads.
export const load = () => import('rolldown')
export const use = async ({ rolldown }) => {
  const id = '\0entry'
  const entry = { name: 'entry', resolveId: (name) => (name === id ? id : null), load: () => 'export const a = 1 + 1' }
  const bundle = await rolldown({ input: id, plugins: [entry] })
  try {
    return (await bundle.generate({ format: 'esm' })).output[0].code
  } finally {
    await bundle.close()
  }
}
