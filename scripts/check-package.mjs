// Runs in: `npm pack` and `npm publish`, before they pack. Refuses to pack without the right prebuilt libraries, or
// with compiled files whose sources are gone.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { isUpToDate, ROOT, sourceHash } from './native-libraries.mjs'
import { glibcProblems } from './needed-glibc.mjs'
import { prebuilds } from './prebuilds.mjs'

const hash = sourceHash()

function problemsOf({ name, arch, file }) {
  if (!existsSync(file)) return [`${name} is missing.`]
  if (!isUpToDate(file, hash)) return [`${name} was not made from the present sources.`]
  return glibcProblems(file, arch)
}

/** The files of dist/ that no file of src/ was compiled to. */
const leftovers = () =>
  readdirSync(path.join(ROOT, 'dist'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(path.join(ROOT, 'dist'), path.join(entry.parentPath, entry.name)))
    .filter((name) => {
      const source = name.replace(/(?:\.d)?\.([cm]?)[jt]s$/, '.$1ts')
      return !existsSync(path.join(ROOT, 'src', source))
    })

const problems = prebuilds().flatMap(problemsOf)
const advice = []
if (problems.length > 0) advice.push('Run npm run build:prebuilds. If that does not help, change native/.')
const old = leftovers()
if (old.length > 0) {
  problems.push(...old.map((name) => `dist/${name} has no source in src/.`))
  advice.push('Delete dist/ and build/, and run npm run build.')
}
if (problems.length > 0) {
  console.error(['forkserver cannot be packed:', ...problems.map((text) => `- ${text}`), ...advice].join('\n'))
  process.exit(1)
}
