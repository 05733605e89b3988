import { Process, program } from 'forkserver'

const MIB = 2 ** 20
const NOBODY = 65534
const MAX_OUTPUT = 64 * 1024

/** None of the judge's own variables, which may hold secrets. The template is started with the same. */
export const env = { PATH: '/usr/bin:/bin' }

const options = {
  cwd: '/', // not the judge's own folder
  env,
  stdio: ['pipe', 'pipe', 'pipe'],
  timeout: 3_000, // by the clock
  limits: { cpuSeconds: 1, memory: 64 * MIB, rss: 256 * MIB, openFiles: 64 },
  killTree: true, // what the program starts ends with it
  ...(process.getuid?.() === 0 && { uid: NOBODY, gid: NOBODY }),
}

/** Collects a stream, up to a limit. Ends the process if it writes more. */
async function collect(stream, child) {
  let text = ''
  for await (const part of stream.setEncoding('utf8')) {
    text += part
    if (text.length <= MAX_OUTPUT) continue
    child.kill()
    break
  }
  return text
}

function verdict({ error, exit, output, expected }) {
  if (output.length > MAX_OUTPUT) return 'too much output'
  if (error?.code === 'ERR_TIMEOUT' || exit.signal === 'SIGXCPU') return 'time limit'
  if (error?.code === 'ERR_CHILD_DIED' && /memory/.test(error.message)) return 'memory limit'
  if (exit.signal === 'SIGABRT') return 'memory limit' // V8's own limit
  if (error) return `failed: ${exit.signal ?? `exit code ${exit.exitCode}`}`
  return output.trim() === expected ? 'accepted' : 'wrong answer'
}

/** Runs a program in a process of its own, gives it the input, and judges what it prints. */
export async function judge(server, { code, input, expected }) {
  const child = new Process(program({ eval: code }), [], { ...options, server })
  await child.start()
  child.stdin.on('error', () => {}) // it may end without reading
  child.stdin.end(input)
  const outputs = Promise.all([collect(child.stdout, child), collect(child.stderr, child)])
  const error = await child.result.then(
    () => null,
    (reason) => reason,
  )
  const exit = await child.join()
  const [output, errors] = await outputs
  return { verdict: verdict({ error, exit, output, expected }), output, errors }
}
