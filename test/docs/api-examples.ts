// Runs in: the test runner. Writes each example of the doc comments as a module, for the compiler.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type ProjectReflection, ReflectionKind } from 'typedoc'
import { examplesOf } from './api-reference.js'

// What the examples take for granted.
const JOBS = `
export declare function render(page: string): Promise<string>
export declare function build(folder?: string): void
export declare function warmup(): void
export declare function openDatabase(url: string): void
export declare function closeDatabase(): void
`
const GIVEN = `
import { spawn } from 'node:child_process'
import { Worker } from 'bullmq'
import { randomBytes } from 'node:crypto'
declare const jobs: Remote<typeof import('./jobs.js')>
declare const jobsUrl: URL
declare const server: ForkServer
declare const pool: Pool
declare const job: Process
declare const connection: Connection
declare const connections: Connection[]
declare const client: { close(): void; connect(): void }
declare const address: ListenAddress
declare const key: AuthKey
declare const authKey: AuthKey
declare const bytes: Uint8Array
declare const page: string
declare const pages: string[]
declare const folder: string
declare const project: string
declare const url: string
declare const file: URL
declare const redis: { host: string; port: number }
declare function build(): Promise<void>
declare function write(text: string): void
declare function render(page: string): Promise<string>
declare function serve(connection: Connection): void
declare function removeTemporaryFiles(): void
`

/** @returns the files */
export function writeExamples(project: ProjectReflection, folder: string): string[] {
  const namesOf = (module: string): string[] =>
    project.children!.find(({ name }) => name === module)!.children!.map(({ name }) => name)
  const main = namesOf('index')
  const others = namesOf('connection').filter((name) => !main.includes(name))
  const imports = [
    `import { ${main.join(', ')} } from 'forkserver'`,
    `import { ${others.join(', ')} } from 'forkserver/connection'`,
    `import { ${namesOf('bullmq').join(', ')} } from 'forkserver/bullmq'`,
    `import { ${namesOf('child_process').join(', ')} } from 'forkserver/child_process'`,
    `import { ${namesOf('vitest').join(', ')} } from 'forkserver/vitest'`,
  ]
  mkdirSync(folder)
  writeFileSync(path.join(folder, 'jobs.d.ts'), JOBS)
  const files = project.getReflectionsByKind(ReflectionKind.All).flatMap((reflection) =>
    examplesOf(reflection).map((example, number) => {
      const file = path.join(folder, `${reflection.getFullName().replace(/[^\w.]/g, '')}-${number}.ts`)
      writeFileSync(file, [...imports, GIVEN, 'export async function example() {', example, '}'].join('\n'))
      return file
    }),
  )
  return [...new Set(files)]
}
