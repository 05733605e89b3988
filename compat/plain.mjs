// Runs in: plain node. Uses the package that the environment names, and prints what came of it as the last line.
import { writeSync } from 'node:fs'
import { tryPackage } from './uses.mjs'

writeSync(1, `\n${JSON.stringify(await tryPackage())}`)
