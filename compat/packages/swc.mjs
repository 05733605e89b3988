// Runs in: plain node, the template, a child. @swc/core transforms TypeScript.
export const load = () => import('@swc/core')
export const use = async ({ transform, transformSync }) => {
  const options = { filename: 'a.ts', jsc: { parser: { syntax: 'typescript' }, target: 'es2022' } }
  const sync = transformSync('enum A { b = 1 }; export const c: A = A.b', options).code
  return sync + (await transform('export const d: number = 1', options)).code
}
