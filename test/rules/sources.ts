// Runs in: the test runner. The project's own files, for the tests of its rules.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'

const ROOT = path.dirname(createRequire(import.meta.url).resolve('forkserver/package.json'))

/** The files of a folder of the project, deep, whose names end so. */
export function listFiles(folder: string, ending: RegExp): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => ending.test(name) && !name.startsWith(`build${path.sep}`))
    .map((name) => path.join(folder, name))
}

/** What is in a file of the project. */
export const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8')
