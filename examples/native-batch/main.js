import { mkdir, writeFile } from 'node:fs/promises'
import { ForkServer, Pool, remote } from 'forkserver'

const jobs = remote(new URL('./jobs.js', import.meta.url))
const FOLDER = 'thumbnails'

const images = Array.from({ length: 40 }, (_, index) => ({
  name: `${index}.webp`,
  width: 64 + index,
  svg: `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="800">
    <rect width="1200" height="800" fill="hsl(${index * 9} 70% 50%)"/>
    <text x="80" y="460" font-size="200">image ${index}</text></svg>`,
}))
images[7].svg = 'this is no image'

await mkdir(FOLDER, { recursive: true })
const server = await ForkServer.start({ preload: [jobs.module] })
const pool = new Pool({ server, maxMemoryPerChild: 300 * 2 ** 20 }) // a worker that has grown is replaced
let done = 0
for await (const { value, reason } of pool.imapUnordered(jobs.thumbnail, images, { onError: 'yield' })) {
  if (reason) {
    console.log(`Not an image: ${reason.message}`)
    continue
  }
  await writeFile(`${FOLDER}/${value.name}`, value.data)
  done++
}
console.log(`${done} of ${images.length} thumbnails are in ${FOLDER}`)
await pool.terminate()
await server.close()
