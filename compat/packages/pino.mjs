// Runs in: plain node, the template, a child. pino writes to a stream in the same thread.
export const load = () => import('pino')
export const use = ({ pino }) => {
  const lines = []
  const log = pino({ base: null, timestamp: false }, { write: (line) => lines.push(line) })
  log.child({ job: 1 }).warn('hello')
  return lines.join('')
}
