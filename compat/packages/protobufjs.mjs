// Runs in: plain node, the template, a child. protobufjs encodes and decodes.
export const load = () => import('protobufjs')
export const use = ({ default: protobuf }) => {
  const { root } = protobuf.parse('syntax = "proto3"; message A { string b = 1; repeated int64 c = 2; }')
  const A = root.lookupType('A')
  const bytes = A.encode({ b: 'text', c: [1, 2 ** 40] }).finish()
  return Buffer.from(bytes).toString('hex') + JSON.stringify(A.decode(bytes))
}
