// Runs in: the test runner. The Pythons of this machine.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'

/** A CPython that runs. */
export interface Python {
  readonly command: string
  /** Such as '3.11'. */
  readonly version: string
  readonly major: number
  readonly minor: number
}

/** As many as one version of each are tried; a Python that hangs is none. */
const PATIENCE_MS = 20_000

function pyenvCommands(): string[] {
  const versions = path.join(process.env.PYENV_ROOT ?? path.join(homedir(), '.pyenv'), 'versions')
  try {
    return readdirSync(versions).map((name) => path.join(versions, name, 'bin', 'python'))
  } catch {
    return []
  }
}

function probe(command: string): Python | undefined {
  const code = 'import sys; print("%d.%d" % sys.version_info[:2])'
  const { status, stdout } = spawnSync(command, ['-c', code], { encoding: 'utf8', timeout: PATIENCE_MS })
  const version = status === 0 ? /^(\d+)\.(\d+)$/.exec(stdout.trim()) : null
  return version === null
    ? undefined
    : { command, version: version[0], major: Number(version[1]), minor: Number(version[2]) }
}

let found: readonly Python[] | undefined

/**
 * Every Python found, oldest first, one of each version: those named in the environment variable
 * FORKSERVER_TEST_PYTHONS (paths with ':' between them), or `python3` on the PATH and pyenv's. None is no error: tests
 * of a living Python are skipped then.
 */
export function findPythons(): readonly Python[] {
  if (found === undefined) {
    const named = process.env.FORKSERVER_TEST_PYTHONS?.split(':').filter((command) => command !== '')
    const byVersion = new Map<string, Python>()
    for (const command of named ?? ['python3', ...pyenvCommands()]) {
      const python = probe(command)
      if (python !== undefined && !byVersion.has(python.version)) byVersion.set(python.version, python)
    }
    found = [...byVersion.values()].sort((one, other) => one.major - other.major || one.minor - other.minor)
  }
  return found
}

/** Those that multiprocessing.connection is spoken with: Python 3. */
export function findPythons3(): readonly Python[] {
  return findPythons().filter(({ major }) => major === 3)
}
