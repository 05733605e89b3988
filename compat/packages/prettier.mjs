// Runs in: plain node, the template, a child. prettier formats.
export const load = () => import('prettier')
export const use = async ({ format }) =>
  (await format('const a={b:1}', { parser: 'babel' })) + (await format('a{b:c}', { parser: 'css' }))
