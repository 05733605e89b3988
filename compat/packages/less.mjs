// Runs in: plain node, the template, a child. less renders.
export const load = () => import('less')
export const use = async ({ default: less }) => (await less.render('@a: 1px; .b { .c { width: @a * 2 } }')).css
