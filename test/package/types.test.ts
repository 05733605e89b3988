// Runs in: the test runner. A program in TypeScript that installed the package, as an ES module and as a CommonJS
// module: the compiler takes it, with all checks of the package's own declarations, and Node runs it.
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { before, describe, test } from 'node:test'
import { watchLeaks } from '../support/leaks.js'
import { install, newProject, pack, ROOT, run } from './tarball.js'

watchLeaks()

/** Uses a class, a type with parameters, a type of the other entry, and what stdio makes of the pipes. */
const BODY = `
const jobs = remote<typeof import('node:path')>('node:path')
const untyped = remote('node:path')
const options: ProcessOptions<'pipe'> = { stdio: 'pipe' }
async function main(): Promise<void> {
  const server: ForkServer = await ForkServer.start()
  const p = new Process(jobs.basename, ['/a/b.ts', '.ts'], { ...options, server })
  await p.start()
  p.stdout.resume()
  const result: string = await p.result
  const other: unknown = await (await new Process(untyped['dirname']!, ['/a/b'], { server }).start()).result
  const errors: [typeof ForkServerError, Reference['module']] = [ForkServerError, jobs.module]
  const [one, two]: Connection<string>[] = await pipe<string>()
  await one!.send('sent')
  console.log(result, other, errors[1], await two!.recv())
  await Promise.all([one!.close(), two!.close()])
  await server.close()
}
void main()
`
const IMPORTS = `
import { ForkServer, ForkServerError, Process, remote, type ProcessOptions, type Reference } from 'forkserver'
import { pipe, type Connection } from 'forkserver/connection'
`
const REQUIRES = `
import face = require('forkserver')
import connection = require('forkserver/connection')
import ForkServer = face.ForkServer
import Process = face.Process
import ForkServerError = face.ForkServerError
type ProcessOptions<S extends face.StdioOptions> = face.ProcessOptions<S>
type Reference = face.Reference
type Connection<T> = connection.Connection<T>
const { remote } = face
const { pipe } = connection
`

const FILES = {
  'module.mts': IMPORTS + BODY,
  'commonjs.cts': IMPORTS + BODY,
  'required.cts': REQUIRES + BODY,
}
const SETTINGS = [
  { module: 'nodenext', skipLibCheck: false },
  // Compilers for Node before 20.19 do not let a CommonJS declaration name an ES module, as the package's do.
  { module: 'node16', skipLibCheck: true },
]

describe('a program in TypeScript', () => {
  let project: string
  before(async () => {
    project = newProject(FILES)
    const { tarball } = await pack()
    await install(project, tarball, { node: process.execPath, manager: 'npm', ignoresScripts: true })
    mkdirSync(path.join(project, 'node_modules', '@types'), { recursive: true })
    for (const name of ['@types/node', 'undici-types'])
      cpSync(path.join(ROOT, 'node_modules', name), path.join(project, 'node_modules', name), { recursive: true })
    symlinkSync(path.join(ROOT, 'node_modules', 'typescript'), path.join(project, 'node_modules', 'typescript'))
  })

  /** Compiles all files; rejects with what the compiler says. */
  async function compile(compilerOptions: object): Promise<void> {
    const strict = { strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true }
    const config = { compilerOptions: { ...strict, target: 'es2022', ...compilerOptions }, include: ['*.mts', '*.cts'] }
    writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config))
    const tsc = path.join(project, 'node_modules', 'typescript', 'bin', 'tsc')
    await run(process.execPath, [tsc, '-p', project], { cwd: project }).catch((error: { stdout?: string }) => {
      throw new Error(error.stdout)
    })
  }

  for (const settings of SETTINGS) {
    test(`compiles with module: ${settings.module}, and runs`, async () => {
      await compile(settings)
      for (const name of ['module.mjs', 'commonjs.cjs', 'required.cjs']) {
        const { stdout, stderr } = await run(process.execPath, [name], { cwd: project })
        assert.deepEqual({ name, stdout, stderr }, { name, stdout: 'b /a node:path sent\n', stderr: '' })
      }
    })
  }

  test('compiles for a bundler', () => compile({ module: 'preserve', noEmit: true, skipLibCheck: true }))
})
