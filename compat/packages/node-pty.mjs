// Runs in: plain node, the template, a child. node-pty runs a program in a terminal of its own.
export const load = () => import('node-pty')
export const use = async ({ spawn }) => {
  const terminal = spawn('/bin/sh', ['-c', 'test -t 0 && echo terminal; stty size; exit 3'], { cols: 91, rows: 17 })
  let text = ''
  terminal.onData((data) => {
    text += data
  })
  const { exitCode } = await new Promise((resolve) => terminal.onExit(resolve))
  return `${text} ${exitCode}`
}
