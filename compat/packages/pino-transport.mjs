// Runs in: plain node, the template, a child. pino writes by a transport, which is a worker thread.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export const load = () => import('pino')
export const use = async ({ pino }) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'compat-'))
  const alive = setInterval(() => {}, 1000) // pino's worker thread does not keep the process alive
  try {
    const destination = path.join(folder, 'log')
    const transport = pino.transport({ target: 'pino/file', options: { destination } })
    const log = pino({ base: null, timestamp: false }, transport)
    log.info({ a: 1 }, 'hello')
    await new Promise((resolve) => log.flush(resolve))
    const closed = new Promise((resolve) => transport.once('close', resolve))
    transport.end()
    await closed
    return readFileSync(destination, 'utf8')
  } finally {
    clearInterval(alive)
    rmSync(folder, { recursive: true })
  }
}
