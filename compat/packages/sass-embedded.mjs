// Runs in: plain node, the template, a child. sass-embedded compiles in the compiler's own process.
export const load = () => import('sass-embedded')
export const use = async ({ initAsyncCompiler }) => {
  const compiler = await initAsyncCompiler()
  try {
    return (await compiler.compileStringAsync('$a: 1px; .b { .c { width: $a * 2 } }')).css
  } finally {
    await compiler.dispose()
  }
}
