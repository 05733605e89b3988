// Runs in: plain node, the template, a child. express answers.
export const load = () => import('express')
export const use = async ({ default: express }) => {
  const app = express()
  app.get('/:name', ({ params }, response) => response.json(params))
  const server = app.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const response = await fetch(`http://127.0.0.1:${server.address().port}/a`, { headers: { connection: 'close' } })
  const text = await response.text()
  await new Promise((resolve) => server.close(resolve))
  return `${response.status} ${text}`
}
