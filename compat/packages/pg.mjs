// Runs in: plain node, the template, a child. pg is refused by a port where nobody listens.
export const load = () => import('pg')
export const use = async ({ default: pg }) => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1, max: 2 })
  const said = await pool.query('SELECT 1').catch((error) => `${error.code} ${error.syscall}`)
  await pool.end()
  return said + pg.escapeLiteral("it's")
}
