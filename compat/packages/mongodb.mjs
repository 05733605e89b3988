// Runs in: plain node, the template, a child. mongodb finds no server, and makes BSON.
export const load = () => import('mongodb')
export const use = async ({ MongoClient, BSON }) => {
  const client = new MongoClient('mongodb://127.0.0.1:1', { serverSelectionTimeoutMS: 300 })
  const said = await client.connect().catch((error) => `${error.name} ${error.message}`)
  await client.close()
  return said + Buffer.from(BSON.serialize({ a: 1, b: 'text' })).toString('hex')
}
