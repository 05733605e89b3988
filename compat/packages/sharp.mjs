// Runs in: plain node, the template, a child. sharp resizes an image on its threads.
import { createHash } from 'node:crypto'

export const load = () => import('sharp')
export const use = async ({ default: sharp }) => {
  const input = { create: { width: 300, height: 200, channels: 3, background: '#269' } }
  const png = await sharp(input).blur(2).resize(120, 80).png().toBuffer()
  const { width, height, format } = await sharp(png).metadata()
  return `${format} ${width}x${height} ${createHash('sha256').update(png).digest('hex')}`
}
