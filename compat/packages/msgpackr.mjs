// Runs in: plain node, the template, a child. msgpackr packs and unpacks.
export const load = () => import('msgpackr')
export const use = ({ pack, unpack, isNativeAccelerationEnabled }) => {
  const value = { a: [1, 2.5, 'x'], text: 'long text '.repeat(100), map: new Map([[1, { b: null }]]) }
  return `${isNativeAccelerationEnabled} ${pack(value).toString('hex')} ${unpack(pack(value)).text.length}`
}
