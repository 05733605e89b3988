import assert from 'node:assert/strict'
import { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { run } from './batch.js'

function collect() {
  const lines = []
  const stream = new Writable({ write: (bytes, _, done) => done(void lines.push(...String(bytes).trim().split('\n'))) })
  return { lines, stream }
}

test('rows keep their order, and a wrong one is named by its line', async () => {
  const { lines, stream } = collect()
  const good = Array.from({ length: 300 }, (_, id) => `${id},GB82WEST12345698765432,a@example.com,${id}.10\n`)
  const input = ['id,iban,email,amount\n', ...good, '300,GB00,b@example.com,1\n', ...good]
  let counted = 0
  const result = await run(Readable.from(input), stream, () => counted++)
  assert.deepEqual(result, { rows: 601, failed: ['line 302: GB00 is not an account number'] })
  assert.equal(counted, 601)
  const ids = Array.from({ length: 300 }, (_, id) => String(id))
  assert.deepEqual(
    lines.slice(1).map((line) => line.split(',')[0]),
    [...ids, ...ids],
  )
  assert.match(lines[2], /^1,[\w-]{16},110$/)
})

test('a file that is no CSV fails, and leaves no process behind', async () => {
  await assert.rejects(run(Readable.from(['id,iban\n', '1,"2\n']), collect().stream), { code: 'CSV_QUOTE_NOT_CLOSED' })
})
