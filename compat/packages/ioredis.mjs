// Runs in: plain node, the template, a child. ioredis is refused by a port where nobody listens.
export const load = () => import('ioredis')
export const use = async ({ Redis }) => {
  const redis = new Redis({
    port: 1,
    host: '127.0.0.1',
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  })
  const said = []
  redis.on('error', (error) => said.push(error.code))
  const outcome = await redis.get('a').catch((error) => error.message)
  redis.disconnect()
  return `${said} ${outcome}`
}
