import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AuthKey, Pool } from 'forkserver'
import { Listener } from 'forkserver/connection'
import { serve } from './serve.ts'

const folder = await mkdtemp(join(tmpdir(), 'listener-')) // only this user may enter it
const path = join(folder, 'jobs.sock')
const authKey = AuthKey.generate()

// Python up to 3.11 knows no digest but MD5. Leave allowLegacyMd5 out if yours is newer.
const listener = await Listener.listen({ address: { path }, authKey, codec: 'pickle', allowLegacyMd5: true })
const pool = new Pool({ processes: 2 })
void serve(listener, pool)

const client = spawn(process.env.PYTHON ?? 'python3', [join(import.meta.dirname, 'client.py'), path], {
  stdio: ['pipe', 'inherit', 'inherit'],
})
client.stdin.end(`${Buffer.from(authKey.export()).toString('hex')}\n`)
const [exitCode] = await once(client, 'exit')

await listener.close()
await pool.terminate()
await rm(folder, { recursive: true })
process.exitCode = exitCode
