// Runs in: the test runner. A pool of an owner that has no addon: its channel is a socket, and its captured output
// comes through the streams of its workers. A copy of the compiled package, without native/, is such an owner.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { watchLeaks } from '../support/leaks.js'

watchLeaks()

type Product = typeof import('forkserver')

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))
const TASKS = new URL('../fixtures/pool/tasks.js', import.meta.url)
const HOSTILE = new URL('../fixtures/pool/hostile.js', import.meta.url)

describe('a pool without the addon', () => {
  let folder: string
  let product: Product

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'forkserver-plain-'))
    mkdirSync(path.join(folder, 'native'))
    cpSync(path.join(ROOT, 'dist'), path.join(folder, 'dist'), { recursive: true })
    cpSync(path.join(ROOT, 'package.json'), path.join(folder, 'package.json'))
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'))
    product = (await import(pathToFileURL(path.join(folder, 'dist', 'index.js')).href)) as Product
  })
  after(() => rmSync(folder, { recursive: true }))

  /** Runs a body with a pool of one worker that captures output. */
  async function withPool(body: (pool: InstanceType<Product['Pool']>) => Promise<void>): Promise<void> {
    const server = await product.ForkServer.start({ startMethod: 'spawn' })
    const pool = new product.Pool({ server, processes: 1, stdio: 'capture' })
    try {
      await body(pool)
    } finally {
      await pool.terminate()
      await pool.join()
      await server.close({ children: 'kill' })
    }
  }

  test('each byte is told with the task that wrote it, before its result', () =>
    withPool(async (pool) => {
      const tasks = product.remote<typeof import('../fixtures/pool/tasks.js')>(TASKS)
      const heard = new Map<number, string>()
      const onOutput = (bytes: Buffer, stream: string, item: number): void => {
        if (stream === 'stdout') heard.set(item, (heard.get(item) ?? '') + bytes)
      }
      const texts = ['one', 'two', 'three', 'four', 'five']
      const results: string[] = []
      for await (const text of pool.imap(tasks.write, texts, { chunkSize: 2, onOutput })) {
        results.push(text as string)
        const own = heard.get(results.length - 1)
        assert.equal(own, `${text} log\n${text} write\n${text} echo\n`)
      }
      assert.deepEqual(results, texts)
      await assert.rejects(pool.run(tasks.writeAndDie, ['last words'], { onOutput: (part) => heard.set(9, `${part}`) }))
      assert.equal(heard.get(9), 'last words')
    }))

  test('a task that writes much waits for its reader, and all of it comes', () =>
    withPool(async (pool) => {
      const hostile = product.remote<typeof import('../fixtures/pool/hostile.js')>(HOSTILE)
      let bytes = 0
      const onOutput = (part: Buffer): void => {
        bytes += part.length
      }
      assert.equal(await pool.run(hostile.writePieces, [64, path.join(folder, 'note')], { onOutput }), 64)
      assert.equal(bytes, 64 * 65_536)
    }))

  test('a value that fails or changes at any reading has exactly one answer', () =>
    withPool(async (pool) => {
      const hostile = product.remote<typeof import('../fixtures/pool/hostile.js')>(HOSTILE)
      for (let at = 1; at <= 5; at++) await pool.run(hostile.fighter, ['getter', at]).catch(() => {})
      assert.equal(await pool.run(hostile.fighter, ['plain']), 'plain')
    }))
})
