// Runs in: plain node, the template, a child. terser minifies.
export const load = () => import('terser')
export const use = async ({ minify }) => (await minify('function a(long) { return long + 1 }; a(2)')).code
