// The template loads sharp. Only children use it: with its first image, libvips starts threads, and a process with
// threads of a library cannot be forked. So there is no warm-up here.
import sharp from 'sharp'

sharp.concurrency(1) // the pool uses all processors already: one thread is enough for a child

export async function thumbnail({ name, svg, width }) {
  const { data, info } = await sharp(Buffer.from(svg)).resize(width).webp().toBuffer({ resolveWithObject: true })
  return { name, data, width: info.width, height: info.height }
}
