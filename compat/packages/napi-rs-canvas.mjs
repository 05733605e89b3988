// Runs in: plain node, the template, a child. @napi-rs/canvas draws and encodes.
import { createHash } from 'node:crypto'

export const load = () => import('@napi-rs/canvas')
export const use = async ({ createCanvas }) => {
  const canvas = createCanvas(80, 60)
  const context = canvas.getContext('2d')
  context.fillStyle = '#369'
  context.fillRect(5, 5, 50, 40)
  context.arc(40, 30, 15, 0, 6)
  context.stroke()
  const png = await canvas.encode('png')
  return createHash('sha256').update(png).digest('hex')
}
