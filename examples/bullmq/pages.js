// Runs in: owner. Renders pages by a queue of BullMQ, each in a process of its own.
import { Queue, QueueEvents, Worker } from 'bullmq'
import { remote } from 'forkserver'
import { forkserverProcessor } from 'forkserver/bullmq'

const file = new URL('./processor.js', import.meta.url)
const { warmup } = remote(file)

/** @returns for each page, in order: its HTML, or why there is none */
export async function renderPages(connection, pages) {
  const processor = forkserverProcessor(file, { server: { warmup }, timeout: 10_000 })
  const queue = new Queue('pages', { connection })
  const events = new QueueEvents('pages', { connection })
  const worker = new Worker('pages', processor, { connection, concurrency: 2 })
  try {
    await events.waitUntilReady()
    const jobs = await queue.addBulk(pages.map(({ name, text }) => ({ name, data: { text } })))
    return await Promise.all(
      jobs.map((job) =>
        job.waitUntilFinished(events).then(
          ({ html, pages }) => ({ html, pages }),
          (error) => ({ error: error.message }),
        ),
      ),
    )
  } finally {
    await worker.close()
    await processor.close()
    await events.close()
    await queue.close()
  }
}
