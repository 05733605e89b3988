// Runs in: plain node, the template, a child. mysql2 is refused by a port where nobody listens.
export const load = () => import('mysql2/promise')
export const use = async ({ default: mysql }) => {
  const pool = mysql.createPool({ host: '127.0.0.1', port: 1 })
  const said = await pool.query('SELECT 1').catch((error) => `${error.code} ${error.syscall}`)
  await pool.end()
  return said + mysql.format(' ? ??', ["it's", 'a'])
}
