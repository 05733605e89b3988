// Runs in: plain node, the template, a child. @node-rs/xxhash: a small addon in Rust.
export const load = () => import('@node-rs/xxhash')
export const use = ({ xxh64, xxh3 }) => `${xxh64('text')} ${xxh3.xxh128('text')}`
