// Runs in: plain node, the template, a child. winston logs to a stream.
import { Writable } from 'node:stream'

export const load = () => import('winston')
export const use = async ({ default: winston }) => {
  const lines = []
  const write = (chunk, _encoding, done) => {
    lines.push(String(chunk))
    done()
  }
  const stream = new Writable({ write })
  const transports = [new winston.transports.Stream({ stream })]
  const log = winston.createLogger({ transports })
  log.info('hello', { a: 1 })
  const finished = new Promise((resolve) => log.once('finish', resolve))
  log.end()
  await finished
  return lines.join('')
}
