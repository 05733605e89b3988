// Runs in: plain node, the template, a child. oxc-parser parses, in the main thread and in the thread pool.
export const load = () => import('oxc-parser')
export const use = async ({ parse, parseSync }) => {
  const sync = parseSync('a.ts', 'const a: number = 1').program.body
  return JSON.stringify([sync, (await parse('b.tsx', 'export default <b/>')).program.body])
}
