import { ForkServer, Pool, remote } from 'forkserver'
import type { Text } from './jobs.ts'

// The type argument gives the references the types of the functions. It loads nothing.
const jobs = remote<typeof import('./jobs.ts')>(new URL('./jobs.ts', import.meta.url))

const texts: Text[] = [
  { title: 'Fork', body: 'A fork copies a process. The copy is cheap.' },
  {
    title: 'Template',
    body: 'A template is a process that loads your modules once, and then forks as often as you ask.',
  },
]

await using server = await ForkServer.start({ preload: [jobs.module] })
await using pool = new Pool({ server })

for await (const { title, words, level } of pool.imap(jobs.rate, texts)) {
  const [word, count] = [...words].sort(([, a], [, b]) => b - a)[0]!
  console.log(`${title}: ${level}, most often "${word}" (${count} times)`)
}

// @ts-expect-error the arguments of a job are checked: a text has a body
const wrong = pool.run(jobs.rate, [{ title: 'No body' }])
await wrong.catch((error: Error) => console.log(`${error.name} in a job, at ${lineOf(error)}`))

/** The line of the TypeScript source, which the stack of the job's process names. */
function lineOf({ stack }: Error): string | undefined {
  return /jobs\.ts:\d+/.exec(stack ?? '')?.[0]
}
