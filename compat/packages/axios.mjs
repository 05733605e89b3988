// Runs in: plain node, the template, a child. axios asks an HTTP server in the same process.
import { createServer } from 'node:http'

export const load = () => import('axios')
export const use = async ({ default: axios }) => {
  const server = createServer((request, response) => response.end(`you asked ${request.url}`))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { data } = await axios.get(`http://127.0.0.1:${server.address().port}/a`, { proxy: false })
  await new Promise((resolve) => server.close(resolve))
  return data
}
