import { parse } from 'csv-parse'
import { stringify } from 'csv-stringify'
import { ForkServer, Pool, remote } from 'forkserver'

const jobs = remote(new URL('./jobs.js', import.meta.url))

/**
 * Reads orders from a stream of CSV, and writes those that are right to another one, in the same order.
 * It reads no faster than the workers work, so the file may be of any size.
 */
export async function run(input, output, onRow = () => {}) {
  const server = await ForkServer.start({ preload: [jobs.module], warmup: jobs.warmup })
  const pool = new Pool({ server })
  const written = stringify({ header: true })
  written.pipe(output)
  const failed = []
  let line = 1 // the head
  try {
    const rows = input.pipe(parse({ columns: true }))
    for await (const { status, value, reason } of pool.imap(jobs.checkOrder, rows, { onError: 'yield' })) {
      line++
      if (status === 'rejected') failed.push(`line ${line}: ${reason.message}`)
      else if (!written.write(value)) await new Promise((resolve) => written.once('drain', resolve))
      onRow()
    }
    written.end()
  } finally {
    await pool.terminate()
    await server.close()
  }
  return { rows: line - 1, failed }
}
