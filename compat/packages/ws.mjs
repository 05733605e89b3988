// Runs in: plain node, the template, a child. ws: a client talks to a server in the same process.
export const load = () => import('ws')
export const use = async ({ WebSocket, WebSocketServer }) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`you said ${data}`)))
  await new Promise((resolve) => server.once('listening', resolve))
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`)
  client.once('open', () => client.send('hello'))
  const text = await new Promise((resolve, reject) => client.once('message', resolve).once('error', reject))
  client.terminate()
  await new Promise((resolve) => server.close(resolve))
  return String(text)
}
