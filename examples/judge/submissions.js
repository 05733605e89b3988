// What people sent in. The task: read numbers, print their sum.
const input = '1 2 3 4'
const expected = '10'

const sum = `
  let text = ''
  process.stdin.on('data', (part) => { text += part })
  process.stdin.on('end', () => console.log(text.split(' ').reduce((a, b) => a + Number(b), 0)))
`

export const submissions = [
  { name: 'right', code: sum },
  { name: 'wrong', code: 'console.log(11)' },
  { name: 'throws', code: 'null.sum()' },
  { name: 'loops', code: 'for (;;);' },
  { name: 'sleeps', code: 'setTimeout(() => {}, 60_000)' },
  { name: 'fills the heap', code: 'const all = []; for (;;) all.push(new Array(1000).fill(all.length))' },
  { name: 'fills memory', code: 'const all = []; for (;;) all.push(Buffer.alloc(2 ** 20, 1))' },
  { name: 'prints for ever', code: "for (;;) require('node:fs').writeSync(1, 'x'.repeat(4096))" },
  { name: 'reads secrets', code: "console.log(require('node:fs').readFileSync('/etc/shadow', 'utf8'))" },
  {
    name: 'starts a process',
    code: "require('node:child_process').spawn('sleep', ['60'], { stdio: 'ignore' }).unref(); console.log(10)",
  },
].map((submission) => ({ ...submission, input, expected }))
