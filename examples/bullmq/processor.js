// Runs in: a process for each job. It turns Markdown into HTML. The template has loaded this file and marked before it
// forks; a process finds both ready, and nothing of the jobs before.
import { marked } from 'marked'

let pages = 0

export default async function render(job) {
  pages++
  await job.log(`page ${pages} of process ${process.pid}`)
  const { text } = job.data
  if (typeof text !== 'string') throw new TypeError(`${job.name} has no text`)
  if (text.includes('<crash>')) process.kill(process.pid, 'SIGSEGV') // as a bug in a native package would do
  return { html: marked.parse(text).trim(), pages }
}

/** For the option `warmup`: what runs once in the template is compiled in every process. */
export function warmup() {
  marked.parse('# A page\n\nwith *some* text.')
}
