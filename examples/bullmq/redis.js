// Runs in: owner. A Redis for this example, on a unix socket in a temporary folder.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** @returns the options of a connection, and what ends it */
export async function startRedis() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'example-redis-'))
  const socket = path.join(folder, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '']
  const redis = spawn('redis-server', args, { stdio: 'ignore' })
  const ended = once(redis, 'exit')
  ended.catch(() => {}) // stop() tells
  const stop = async () => {
    redis.kill()
    await ended.catch(() => {})
    rmSync(folder, { recursive: true, force: true })
  }
  for (let i = 0; !existsSync(socket); i++) {
    if (i === 500 || redis.exitCode !== null || redis.pid === undefined) {
      await stop()
      throw new Error("redis-server did not start. Debian's package redis-server has it.")
    }
    await sleep(20)
  }
  return { connection: { path: socket, maxRetriesPerRequest: null }, stop }
}
