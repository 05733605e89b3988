// Runs the tests by jest, and prints what became of them: jest itself prints times, too, and the files as they end.
const { execFileSync } = require('node:child_process')
const path = require('node:path')

const jest = require.resolve('jest/bin/jest')
const { testResults } = JSON.parse(
  execFileSync(process.execPath, [jest, '--json'], { stdio: ['ignore', 'pipe', 'ignore'] }),
)
for (const { name, assertionResults } of testResults.sort((one, other) => one.name.localeCompare(other.name))) {
  console.log(path.basename(name))
  for (const { title, status } of assertionResults) console.log(`  ${status}: ${title}`)
}
