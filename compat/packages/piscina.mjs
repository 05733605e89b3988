// Runs in: plain node, the template, a child. piscina runs a task in a worker thread.
export const load = () => import('piscina')
export const use = async ({ Piscina }) => {
  const filename = 'data:text/javascript,export default (n) => n * 2'
  const pool = new Piscina({ filename, maxThreads: 1 })
  try {
    return String(await pool.run(21))
  } finally {
    await pool.destroy()
  }
}
