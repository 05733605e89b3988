import http from 'node:http'
import { ForkServer, Pool, remote } from 'forkserver'

const pages = remote(new URL('./pages.js', import.meta.url))

const STATUS = {
  ERR_TIMEOUT: 504, // the page took too long, and its process was killed
  ERR_QUEUE_FULL: 503, // too many requests are waiting
  ERR_CHILD_DIED: 500, // the process of the page crashed
}

/** Starts an HTTP server that renders each request in a process of its own. */
export async function listen(port = 0) {
  const template = await ForkServer.start({ preload: [pages.module], warmup: pages.warmup })
  const pool = new Pool({ server: template, isolate: 'task', maxQueue: 100 })

  const server = http.createServer(async (request, response) => {
    const gone = new AbortController() // nobody renders for a client that has left
    response.on('close', () => gone.abort())
    try {
      const { status, html } = await pool.run(pages.render, [request.url], { timeout: 1_000, signal: gone.signal })
      response.writeHead(status, { 'content-type': 'text/html' }).end(html)
    } catch (error) {
      response.writeHead(STATUS[error.code] ?? 500).end(error.code)
    }
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))

  async function close() {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await pool.terminate()
    await template.close()
  }
  return { url: `http://127.0.0.1:${server.address().port}`, close }
}
