const { readFileSync } = require('node:fs')

test('has a process of its own, whose parent is a template', () => {
  const parent = readFileSync('/proc/self/stat', 'latin1').split(' ')[3]
  expect(readFileSync(`/proc/${parent}/cmdline`, 'latin1')).toContain('template.js')
})
