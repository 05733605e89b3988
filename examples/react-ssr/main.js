// Starts the server and asks it for some pages. With PORT set, it serves until you press Ctrl-C.
import { listen } from './server.js'

const server = await listen(Number(process.env.PORT ?? 0))

async function get(path) {
  const response = await fetch(server.url + path)
  return `${path} ${response.status} ${await response.text()}`
}

if (process.env.PORT) {
  console.log(`Listening on ${server.url}`)
} else {
  const answers = await Promise.all(['/slow', '/crash', '/', '/count', '/count', '/nothing'].map(get))
  console.log(answers.join('\n'))
  await server.close()
}
