// Runs in: plain node, the template, a child. vite builds, by rolldown.
export const load = () => import('vite')
export const use = async ({ build }) => {
  const id = '\0entry'
  const entry = { name: 'entry', resolveId: (name) => (name === id ? id : null), load: () => 'export const a = 1 + 1' }
  const options = { write: false, lib: { entry: id, formats: ['es'] }, rollupOptions: { input: id } }
  const [{ output }] = [await build({ configFile: false, logLevel: 'silent', plugins: [entry], build: options })].flat()
  return output[0].code
}
