// Runs in: owner. The command `forkserver` (bin/forkserver.mjs): `forkserver doctor`.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ownFile } from '../platform/own-files.js'
import { pageOf } from './diagnosis.js'
import { examine } from './examine.js'

const HELP = `Usage: forkserver doctor [--json]

Looks at Node, this machine and its limits, starts a server, and forks five processes. Prints one page that says what
works, what does not, and why. Put it into every issue report.

  --json     print it as JSON
  --version  print the version of forkserver
  --help     print this text

Exit code: 0 if processes are forked; 1 if they are spawned, if none can be started, or if the arguments are wrong.
`

function fail(text: string): void {
  process.stderr.write(`forkserver: ${text}\n\n${HELP}`)
  process.exitCode = 1
}

async function doctor({ json }: { json: boolean }): Promise<void> {
  const diagnosis = await examine()
  process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : pageOf(diagnosis))
  if (diagnosis.findings.some(({ level }) => level === 'problem')) process.exitCode = 1
}

async function run(args: readonly string[]): Promise<void> {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(args)
  } catch (error) {
    return fail((error as Error).message)
  }
  const { values, positionals } = parsed
  if (values.version) {
    const { version } = JSON.parse(readFileSync(ownFile('../package.json'), 'utf8')) as { version: string }
    process.stdout.write(`${version}\n`)
  } else if (values.help) {
    process.stdout.write(HELP)
  } else if (positionals.length === 1 && positionals[0] === 'doctor') {
    await doctor({ json: values.json ?? false })
  } else {
    fail(positionals.length === 0 ? 'there is no command' : `there is no command '${positionals.join(' ')}'`)
  }
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean' } as const
  return parseArgs({ args: [...args], allowPositionals: true, options: { json: flag, version: flag, help: flag } })
}

await run(process.argv.slice(2))
