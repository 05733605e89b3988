// Runs in: plain node, the template, a child. @node-rs/argon2 hashes in the thread pool.
export const load = () => import('@node-rs/argon2')
export const use = ({ hash }) => hash('secret', { salt: Buffer.alloc(16, 7), memoryCost: 4096, parallelism: 2 })
