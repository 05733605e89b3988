// Runs in: the test runner. Runs the code blocks of a page of documentation, each in its turn.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { ROOT } from '../rules/sources.js'
import { type Block, isOutput, isUsed } from './blocks.js'
import { writeBlock } from './workspace.js'

/** Only bounds a hang. */
const TIME_LIMIT_MS = 60_000

const PROGRAMS = new Set(['js', 'mjs', 'cjs', 'ts', 'mts', 'cts', 'py', 'python'])
/** A block of these is shown, and says nothing that could be run. */
const SHOWN = new Set(['text'])

interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

/** Runs a command in a folder, with the Node of the tests and without the flags and variables of the test runner. */
async function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  const env: NodeJS.ProcessEnv = { ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}` }
  delete env.NODE_TEST_CONTEXT
  delete env.NODE_OPTIONS
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: TIME_LIMIT_MS })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}

function checkEnd(block: Block, { code, stdout, stderr }: Ended): void {
  const output = `\n${block.text}\n\nexit code ${code}, stdout:\n${stdout}\nstderr:\n${stderr}`
  if (block.fails === undefined) assert.equal(code, 0, output)
  else assert.ok(code !== 0 && stderr.includes(block.fails), `Does not fail with ${block.fails}:${output}`)
  if (block.warns !== undefined) assert.ok(stderr.includes(block.warns), `Does not warn with ${block.warns}:${output}`)
  const allowed = block['may-warn']
  if (allowed !== undefined && stderr.includes(allowed)) return
  if (block.fails === undefined && block.warns === undefined) assert.equal(stderr, '', output)
}

const { scripts, bin = {} } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
  bin?: Record<string, string>
}

/** Runs a line of a shell if it starts node, and otherwise checks that the project has the command. */
async function runLine(line: string, block: Block, folder: string): Promise<string> {
  const [command, verb, name] = line.replace(/^([A-Z_]+=\S+ )+/, '').split(' ') // without variables in front of it
  if (command === 'node') {
    const ended = await run('sh', ['-c', line], folder)
    checkEnd(block, ended)
    return ended.stdout
  }
  if (command === 'npm' && verb === 'run') assert.ok(name! in scripts, `package.json has no script ${name}.`)
  else if (command === 'npx' && verb === 'forkserver') assert.ok('forkserver' in bin, 'package.json has no bin.')
  else assert.match(line, /^npm (install|ci|test)\b/, 'Nothing runs this line. Say why: <!-- skip: REASON -->')
  return ''
}

async function runShell(block: Block, folder: string): Promise<string> {
  let stdout = ''
  const lines = block.text.split('\n').map((line) => line.replace(/\s+#.*$|^#.*$/, '').trim())
  for (const line of lines.filter((one) => one !== '')) stdout += await runLine(line, block, folder)
  return stdout
}

/** Whether this Node is older than what a block needs, or a command is missing here. */
function lacksNeeds({ node, needs }: Block): boolean {
  if (needs !== undefined && spawnSync(needs, ['--version']).status !== 0) return true
  if (node === undefined) return false
  const [major, minor = 0] = process.versions.node.split('.').map(Number)
  const [wantedMajor, wantedMinor = 0] = node.split('.').map(Number)
  return major! < wantedMajor! || (major === wantedMajor && minor < wantedMinor)
}

/** What a block prints; undefined if it is not run by itself. */
async function runBlock(block: Block, program: string, blocks: readonly Block[]): Promise<string | undefined> {
  const folder = path.dirname(program)
  if (block.skip !== undefined || lacksNeeds(block)) return undefined
  if (block.language === 'sh') return runShell(block, folder)
  if (!PROGRAMS.has(block.language)) return undefined
  if (block.isHidden || (block.name !== undefined && isUsed(block.name, blocks))) return undefined
  const command = /^py/.test(block.language) ? 'python3' : process.execPath
  const ended = await run(command, [program], folder)
  checkEnd(block, ended)
  return ended.stdout
}

/**
 * Runs the blocks of a page in its folder, and compares what they print with the block of text that follows them.
 *
 * @returns what was not run, with the reasons
 */
export async function runPage(blocks: readonly Block[], folder: string): Promise<string[]> {
  mkdirSync(folder)
  for (const block of blocks.filter(({ isHidden }) => isHidden)) writeBlock(block, folder, 0)
  const skipped: string[] = []
  let printed: string | undefined
  for (const [number, block] of blocks.entries()) {
    if (block.isHidden) continue
    if (block.skip !== undefined) skipped.push(`${block.text.split('\n')[0]}: ${block.skip}`)
    if (block.language === 'text' && printed !== undefined && block.skip === undefined) {
      assert.ok(isOutput(block.text, printed), `The page shows\n${block.text}\nand the program prints\n${printed}`)
    }
    const isKnown = PROGRAMS.has(block.language) || SHOWN.has(block.language) || block.language === 'sh'
    assert.ok(isKnown || block.skip !== undefined, `Nothing runs a block in ${block.language}:\n${block.text}`)
    const isFile = PROGRAMS.has(block.language) || block.name !== undefined
    const program = isFile ? writeBlock(block, folder, number).program : path.join(folder, block.language)
    printed = await runBlock(block, program, blocks)
  }
  return skipped
}
