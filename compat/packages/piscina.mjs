// Runs in: plain node, the template, a child. piscina runs a task in a worker thread.
export const load = () => import('piscina')
export const use = async ({ Piscina }) => {
  const filename = new URL('double.js', import.meta.url).href
  const pool = new Piscina({ filename, maxThreads: 1 })
  try {
    return String(await pool.run(21))
  } finally {
    await pool.destroy()
  }
}
