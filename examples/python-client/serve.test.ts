import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthKey, Pool } from 'forkserver'
import { connect, Listener } from 'forkserver/connection'
import { serve } from './serve.ts'

test('a client gets its answers, and one with a wrong key gets none', async () => {
  await using pool = new Pool({ processes: 1 })
  const authKey = AuthKey.generate()
  await using listener = await Listener.listen({ address: { host: '127.0.0.1', port: 0 }, authKey, codec: 'pickle' })
  void serve(listener, pool)
  await assert.rejects(connect(listener.address, { authKey: AuthKey.generate() }), { code: 'ERR_AUTH_REFUSED' })

  await using client = await connect(listener.address, { authKey, codec: 'pickle' })
  const ask = async (request: object) => {
    await client.send(request)
    return await client.recv()
  }
  assert.deepEqual(await ask({ job: 'primes', below: 12 }), { result: { count: 5, largest: [5, 7, 11] } })
  assert.deepEqual(await ask({ job: 'crash' }), { error: 'ERR_CHILD_DIED' })
  assert.deepEqual(await ask({ job: 'toString' }), { error: 'there is no job toString' })
})
