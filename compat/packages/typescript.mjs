// Runs in: plain node, the template, a child. typescript transpiles, and checks a program.
export const load = () => import('typescript')
export const use = ({ default: ts }) => {
  const { outputText } = ts.transpileModule('enum A { b }; export let c: A', { compilerOptions: { target: 'ES2020' } })
  const file = ts.createSourceFile('a.ts', 'let a: number = "x"', 99)
  const host = { ...ts.createCompilerHost({}), getSourceFile: (name) => (name === 'a.ts' ? file : undefined) }
  const program = ts.createProgram(['a.ts'], { noLib: true, types: [] }, host)
  return outputText + program.getSemanticDiagnostics().map(({ messageText }) => JSON.stringify(messageText))
}
