// Runs in: plain node, the template, a child. eslint lints a text.
export const load = () => import('eslint')
export const use = async ({ ESLint }) => {
  const overrideConfig = [{ rules: { 'no-unused-vars': 'error', eqeqeq: 'error' } }]
  const eslint = new ESLint({ overrideConfigFile: true, overrideConfig })
  const [{ messages }] = await eslint.lintText('const a = 1 == 2\n')
  return messages.map(({ ruleId, line, column }) => `${ruleId} ${line}:${column}`).join()
}
