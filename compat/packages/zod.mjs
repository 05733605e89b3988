// Runs in: plain node, the template, a child. zod parses and refuses.
export const load = () => import('zod')
export const use = ({ z }) => {
  const schema = z.object({ a: z.number(), b: z.email() })
  return JSON.stringify([schema.parse({ a: 1, b: 'x@y.org' }), schema.safeParse({ a: 'x', b: 'y' }).error.issues])
}
