// Runs in: template, if the server watches files (option watch). Collects which files the preload loads. Node's own
// module loaders report that, as they do for `node --watch`: if the variable WATCH_REPORT_DEPENDENCIES is set, they
// call process.send() with the path or URL of each module, before they read it. Nobody else sends: a template has no
// IPC channel.
//
// This file is CommonJS because it runs under --require (main/first-look.cts).
import path = require('node:path')
import url = require('node:url')
import watched = require('../platform/watched-files.cjs')

const { VARIABLE, ON, stampOf } = watched
/** Where forkserver's own files are: they do not count. */
const OWN_FOLDER = path.dirname(__dirname) + path.sep

const stamps = new Map<string, string>()
let isCollecting = false

function pathOf(name: unknown): string | undefined {
  if (typeof name !== 'string') return undefined
  if (path.isAbsolute(name)) return name
  return name.startsWith('file:') ? url.fileURLToPath(name) : undefined
}

/** Stands in for process.send(). Other messages go nowhere. */
function send(message: unknown): boolean {
  const { 'watch:require': required = [], 'watch:import': imported = [] } = Object(message) as Record<string, unknown>
  for (const name of [required, imported].flat()) {
    const file = pathOf(name)
    if (file && !file.startsWith(OWN_FOLDER) && !stamps.has(file)) stamps.set(file, stampOf(file))
  }
  return true
}

/** Begins to collect, if the owner asks for it. */
function collectFiles(): void {
  if (process.env[VARIABLE] !== ON) return
  isCollecting = true
  process.send = send
}

/**
 * Ends it. Children do not see it.
 *
 * @param original the variable's value in the template's environment, or null
 */
function stopCollecting(original: string | null): void {
  if (!isCollecting) return
  if (process.send === send) delete process.send
  if (original === null) delete process.env[VARIABLE]
  else process.env[VARIABLE] = original
}

/** The files that were loaded, and those that Node looked for in vain, with their stamps; undefined if not collected. */
function loadedFiles(): Record<string, string> | undefined {
  return isCollecting ? Object.fromEntries(stamps) : undefined
}

export = { collectFiles, stopCollecting, loadedFiles }
