// Runs in: plain node, the template, a child. @grpc/grpc-js: a client calls a server in the same process.
import { fileURLToPath } from 'node:url'

export const load = async () => ({ grpc: await import('@grpc/grpc-js'), loader: await import('@grpc/proto-loader') })
export const use = async ({ grpc: { default: grpc }, loader }) => {
  const definition = loader.loadSync(fileURLToPath(new URL('echo.proto', import.meta.url)))
  const { Echo } = grpc.loadPackageDefinition(definition)
  const server = new grpc.Server()
  server.addService(Echo.service, { say: ({ request }, answer) => answer(null, { text: `you said ${request.text}` }) })
  const port = await new Promise((resolve, reject) => {
    const bound = (error, number) => (error ? reject(error) : resolve(number))
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), bound)
  })
  const client = new Echo(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
  try {
    return await new Promise((resolve, reject) => {
      client.say({ text: 'hello' }, (error, { text } = {}) => (error ? reject(error) : resolve(text)))
    })
  } finally {
    client.close()
    await new Promise((resolve) => server.tryShutdown(resolve))
  }
}
