// Runs in: plain node, the template, a child. bcrypt hashes on the thread pool.
export const load = () => import('bcrypt')
export const use = async ({ default: bcrypt }) => {
  const hash = await bcrypt.hash('secret', '$2b$06$abcdefghijklmnopqrstuu')
  return `${hash} ${await bcrypt.compare('secret', hash)} ${bcrypt.compareSync('other', hash)}`
}
