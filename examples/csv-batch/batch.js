import { pipeline } from 'node:stream/promises'
import { parse } from 'csv-parse'
import { stringify } from 'csv-stringify'
import { ForkServer, Pool, remote } from 'forkserver'

const jobs = remote(new URL('./jobs.js', import.meta.url))

/**
 * Reads orders from a stream of CSV, and writes those that are right to another one, in the same order.
 * It reads no faster than the workers work and the output is written, so the file may be of any size.
 */
export async function run(input, output, onRow = () => {}) {
  const server = await ForkServer.start({ preload: [jobs.module], warmup: jobs.warmup })
  const pool = new Pool({ server })
  const failed = []
  let rows = 0

  async function* check(orders) {
    for await (const { status, value, reason } of pool.imap(jobs.checkOrder, orders, { onError: 'yield' })) {
      rows++
      onRow()
      if (status === 'fulfilled') yield value
      else failed.push(`line ${rows + 1}: ${reason.message}`) // the first line is the head
    }
  }

  try {
    await pipeline(input, parse({ columns: true }), check, stringify({ header: true }), output)
  } finally {
    await pool.terminate()
    await server.close()
  }
  return { rows, failed }
}
