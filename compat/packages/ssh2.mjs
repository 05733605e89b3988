// Runs in: plain node, the template, a child. ssh2: a client runs a command at a server in the same process.
import { generateKeyPairSync } from 'node:crypto'

export const load = () => import('ssh2')
export const use = async ({ default: ssh2 }) => {
  // Of the keys that ssh2 itself makes, one in a few hundred is malformed, by plain node too.
  const privateKeyEncoding = { type: 'pkcs1', format: 'pem' }
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding })
  const hostKeys = [privateKey]
  const server = new ssh2.Server({ hostKeys }, (client) => {
    client.on('authentication', (context) => context.accept()).on('error', () => {})
    client.on('session', (accept) => {
      accept().on('exec', (take, _reject, { command }) => {
        const stream = take()
        stream.end(`ran ${command}`)
      })
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const client = new ssh2.Client()
  try {
    return await new Promise((resolve, reject) => {
      client.on('error', reject).on('ready', () => {
        client.exec('date', (error, stream) => {
          if (error) return reject(error)
          stream.on('data', (data) => resolve(data.toString()))
        })
      })
      client.connect({ host: '127.0.0.1', port: server.address().port, username: 'a', password: 'b' })
    })
  } finally {
    client.destroy()
    server.close()
  }
}
