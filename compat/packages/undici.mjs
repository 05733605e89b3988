// Runs in: plain node, the template, a child. undici asks an HTTP server in the same process.
import { createServer } from 'node:http'

export const load = () => import('undici')
export const use = async ({ Agent, request }) => {
  const server = createServer((request, response) => response.end(`you asked ${request.url}`))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const dispatcher = new Agent()
  try {
    const { statusCode, body } = await request(`http://127.0.0.1:${server.address().port}/a`, { dispatcher })
    return `${statusCode} ${await body.text()}`
  } finally {
    await dispatcher.close()
    await new Promise((resolve) => server.close(resolve))
  }
}
