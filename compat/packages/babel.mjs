// Runs in: plain node, the template, a child. @babel/core with preset-env.
export const load = async () => ({ babel: await import('@babel/core'), preset: await import('@babel/preset-env') })
export const use = async ({ babel, preset }) => {
  const options = { presets: [[preset.default, { targets: 'ie 11' }]], babelrc: false, configFile: false }
  return (await babel.transformAsync('class A { #b = async () => [...this.c] }', options)).code
}
