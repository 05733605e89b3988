// Runs in: plain node, the template, a child. esbuild transforms synchronously.
export const load = () => import('esbuild')
export const use = ({ transformSync }) => transformSync('enum A { b }; export let c: A = A.b', { loader: 'ts' }).code
