// Runs in: plain node, the template, a child. lightningcss minifies a style sheet.
export const load = () => import('lightningcss')
export const use = ({ transform }) => {
  const code = Buffer.from('.a { color: rgb(255, 0, 0); & .b { margin: 1px 1px } }')
  return transform({ filename: 'a.css', code, minify: true }).code.toString()
}
