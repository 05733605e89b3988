// Runs in: owner. Finds the TypeScript files of a project, and reports what it did not look at.
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { DemoError } from './errors.js'
import type { Failure } from './measure.js'

const TYPESCRIPT = /\.([cm]?ts|tsx)$/
const OUTPUT_FOLDERS = ['build', 'dist']

export interface Found {
  /** Paths relative to the folder, sorted. */
  files: string[]
  /** Folders and special files that cannot be read. */
  failures: Failure[]
  /** Symbolic links to folders. They are not followed, because they may form a circle. */
  linkedFolders: number
}

function isIgnored(folder: string, name: string): boolean {
  if (name === '.git') return true
  // Build results of this project are skipped. In a dependency, folders with these names contain its declarations.
  return OUTPUT_FOLDERS.includes(name) && !folder.split(path.sep).includes('node_modules')
}

/** The reason of a failed system call, without the path, which the caller names anyway. */
function reasonOf(error: unknown): string {
  return (error as Error).message.split(', ')[0]!
}

/** @throws DemoError if there is no such folder */
export async function checkFolder(folder: string): Promise<void> {
  let isDirectory: boolean
  try {
    isDirectory = (await stat(folder)).isDirectory()
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new DemoError(
      isMissing ? `There is no folder ${folder}.` : `Cannot read the folder ${folder}: ${reasonOf(error)}.`,
    )
  }
  if (!isDirectory) throw new DemoError(`${folder} is a file. Name the folder of a TypeScript project.`)
}

/** @throws DemoError if the folder itself cannot be read; the signal's reason if it is aborted */
export async function findFiles(folder: string, signal: AbortSignal): Promise<Found> {
  const found: Found = { files: [], failures: [], linkedFolders: 0 }
  const pending = ['']
  for (let inner = pending.pop(); inner !== undefined; inner = pending.pop()) {
    signal.throwIfAborted()
    try {
      for (const entry of await readdir(path.join(folder, inner), { withFileTypes: true })) {
        const name = path.join(inner, entry.name)
        if (entry.isSymbolicLink()) await addLink(folder, name, found)
        else if (!entry.isDirectory()) addFile(name, entry.isFile(), found)
        else if (!isIgnored(inner, entry.name)) pending.push(name)
      }
    } catch (error) {
      if (inner === '') throw new DemoError(`Cannot read the folder ${folder}: ${reasonOf(error)}.`)
      found.failures.push({ file: inner, reason: reasonOf(error) })
    }
  }
  found.files.sort()
  return found
}

function addFile(name: string, isFile: boolean, { files, failures }: Found): void {
  if (!TYPESCRIPT.test(name)) return
  if (isFile) files.push(name)
  else failures.push({ file: name, reason: 'it is neither a file nor a folder' }) // reading a pipe would wait forever
}

async function addLink(folder: string, name: string, found: Found): Promise<void> {
  try {
    const target = await stat(path.join(folder, name))
    if (target.isDirectory()) found.linkedFolders++
    else addFile(name, target.isFile(), found)
  } catch (error) {
    // A broken link matters only if its name is that of a file to transpile.
    if (TYPESCRIPT.test(name)) found.failures.push({ file: name, reason: reasonOf(error) })
  }
}
