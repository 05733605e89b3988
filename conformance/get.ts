// Runs in: a tool process. Downloads Node's own test files from Debian's source package. It uses the apt and the
// archive of this machine, so signatures are checked, and changes no settings of the machine.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/**
 * The releases of Debian with a package `nodejs` of this major version of Node; they may have others, too. The first
 * that delivers it is taken: while sid is being updated, its list may name an archive that is not there yet.
 */
const RELEASES: Readonly<Record<string, readonly string[]>> = {
  18: ['bookworm'],
  20: ['trixie'],
  22: ['sid'],
  24: ['sid', 'forky'],
}
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * Unpacks Node's folder `test` into `folder`. If that is not possible, throws an error that says what to do instead.
 */
export function getNodeTests(folder: string, major: string): void {
  const releases = RELEASES[major]
  if (!releases)
    throw new Error(`No release of Debian carries Node ${major}. Name a folder with its source by --node-tests.`)
  const archive = archiveOf()
  if (!releases.some((release) => unpackTests(folder, archive, release, major)))
    throw new Error(
      `The archive does not give out Node ${major} of ${releases.join(' or ')}. ` +
        'Name a folder with its source by --node-tests.',
    )
}

/** Whether this release delivered the tests. */
function unpackTests(folder: string, archive: string, release: string, major: string): boolean {
  const work = mkdtempSync(path.join(os.tmpdir(), 'node-tests-'))
  try {
    for (const name of ['state/lists/partial', 'cache/archives/partial', 'source']) {
      mkdirSync(path.join(work, name), { recursive: true })
    }
    const list = path.join(work, 'sources.list')
    writeFileSync(list, `deb-src [signed-by=${KEYRING}] ${archive} ${release} main\n`)
    const settings = [
      `Dir::State=${work}/state`,
      `Dir::Cache=${work}/cache`,
      `Dir::Etc::sourcelist=${list}`,
      'Dir::Etc::sourceparts=-',
      'APT::Sandbox::User=root',
    ].flatMap((setting) => ['-o', setting])
    const cwd = path.join(work, 'source')
    execFileSync('apt-get', [...settings, '-qq', 'update'], { stdio: ['ignore', 'inherit', 'inherit'] })
    const tarball = download(settings, cwd, major)
    if (!tarball) return false
    mkdirSync(folder, { recursive: true })
    const unpack = ['-xf', path.join(cwd, tarball), '-C', folder, '--strip-components=1', '--wildcards']
    execFileSync('tar', [...unpack, '*/test', '*/src/node_version.h'], { stdio: 'inherit' })
    return true
  } finally {
    rmSync(work, { recursive: true })
  }
}

/** Downloads the archive of Node itself, and returns its name. */
function download(settings: readonly string[], cwd: string, major: string): string | undefined {
  const listed = execFileSync('apt-cache', [...settings, 'showsrc', 'nodejs'], { encoding: 'utf8' })
  const version = [...listed.matchAll(/^Version: (\S+)$/gm)]
    .map(([, text]) => text!)
    .find((text) => text.startsWith(`${major}.`))
  if (!version) return undefined
  // The package has other files, too. If the archive is being updated, one of them may be missing. apt then fails, but
  // it has downloaded and checked the file that we need.
  const source = ['-qq', 'source', '--download-only', '--tar-only', `nodejs=${version}`]
  spawnSync('apt-get', [...settings, ...source], { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  return readdirSync(cwd).find((name) => /^nodejs_.*\.orig\.tar\.\w+$/.test(name))
}

function archiveOf(): string {
  const format = '$(ORIGIN) $(REPO_URI)' // apt's own placeholders
  const lines = execFileSync('apt-get', ['indextargets', '--format', format], { encoding: 'utf8' }).split('\n')
  const line = lines.find((text) => text.startsWith('Debian '))
  if (!line)
    throw new Error('apt knows no archive of Debian here. Run apt-get update first, or name a folder by --node-tests.')
  return line.slice('Debian '.length)
}
