// Runs in: plain node, the template, a child. fastify answers.
export const load = () => import('fastify')
export const use = async ({ default: fastify }) => {
  const app = fastify()
  app.get('/:name', ({ params }) => params)
  const { statusCode, body } = await app.inject('/a')
  await app.close()
  return `${statusCode} ${body}`
}
