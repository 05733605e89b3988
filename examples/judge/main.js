import { ForkServer } from 'forkserver'
import { env, judge } from './judge.js'
import { submissions } from './submissions.js'

const server = await ForkServer.start({ env })
for (const submission of submissions) {
  const { verdict } = await judge(server, submission)
  console.log(`${submission.name.padEnd(16)} ${verdict}`)
}
await server.close()
