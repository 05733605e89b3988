// Runs in: plain node, the template, a child. esbuild bundles with the help of its own process.
export const load = () => import('esbuild')
export const use = async (esbuild) => {
  try {
    const stdin = { contents: 'let a: number = 1; console.log(a ?? 2)', loader: 'ts' }
    const { outputFiles } = await esbuild.build({ stdin, bundle: true, write: false, minify: true, logLevel: 'silent' })
    return outputFiles[0].text
  } finally {
    await esbuild.stop()
  }
}
