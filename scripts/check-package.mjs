// Runs in: `npm pack` and `npm publish`, before they pack. Refuses to pack without the right prebuilt libraries.
import { existsSync } from 'node:fs'
import { isUpToDate, sourceHash } from './native-libraries.mjs'
import { glibcProblems } from './needed-glibc.mjs'
import { prebuilds } from './prebuilds.mjs'

const hash = sourceHash()

function problemsOf({ name, arch, file }) {
  if (!existsSync(file)) return [`${name} is missing.`]
  if (!isUpToDate(file, hash)) return [`${name} was not made from the present sources.`]
  return glibcProblems(file, arch)
}

const problems = prebuilds().flatMap(problemsOf)
if (problems.length > 0) {
  console.error('forkserver cannot be packed:')
  for (const problem of problems) console.error(`- ${problem}`)
  console.error('Run npm run build:prebuilds. If that does not help, change native/.')
  process.exit(1)
}
