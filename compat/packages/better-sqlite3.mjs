// Runs in: plain node, the template, a child. better-sqlite3 runs SQL in memory.
export const load = () => import('better-sqlite3')
export const use = ({ default: Database }) => {
  const db = new Database(':memory:')
  try {
    db.exec('CREATE TABLE t (n INTEGER, s TEXT)')
    const insert = db.prepare('INSERT INTO t VALUES (?, ?)')
    db.transaction(() => Array.from({ length: 500 }, (_, n) => insert.run(n, `row ${n}`)))()
    return JSON.stringify(db.prepare('SELECT count(*) AS rows, sum(n) AS sum, max(s) AS last FROM t').get())
  } finally {
    db.close()
  }
}
