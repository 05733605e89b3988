// Runs in: plain node, the template, a child. argon2 hashes on threads of its own.
export const load = () => import('argon2')
export const use = async ({ default: argon2 }) => {
  const salt = Buffer.alloc(16, 7)
  const hash = await argon2.hash('secret', { salt, memoryCost: 4096, timeCost: 2, parallelism: 2 })
  return `${hash} ${await argon2.verify(hash, 'secret')}`
}
