import { type Pool, remote } from 'forkserver'
import type { Connection, Listener } from 'forkserver/connection'

const jobs = remote<typeof import('./jobs.ts')>(new URL('./jobs.ts', import.meta.url))
const JOBS = { primes: jobs.primes, crash: jobs.crash }

interface Request {
  job: string
  [argument: string]: unknown
}

async function answer(pool: Pool, { job, ...argument }: Request): Promise<object> {
  if (!Object.hasOwn(JOBS, job)) return { error: `there is no job ${job}` }
  try {
    return { result: await pool.run(JOBS[job as 'primes'], [argument as { below: number }], { timeout: 10_000 }) }
  } catch (error) {
    return { error: (error as Error & { code: string }).code ?? (error as Error).message }
  }
}

async function serveOne(connection: Connection, pool: Pool): Promise<void> {
  await using open = connection
  for await (const request of open) await open.send(await answer(pool, request as Request))
}

/** Answers all clients until the listener is closed. A client that breaks the protocol ends only its own connection. */
export async function serve(listener: Listener, pool: Pool): Promise<void> {
  listener.on('clientError', (error: Error) => console.error(`refused: ${error.message}`))
  for await (const connection of listener) serveOne(connection, pool).catch((error) => console.error(error.message))
}
