// Runs in: plain node, the template, a child. jsdom runs a page with a script.
export const load = () => import('jsdom')
export const use = ({ JSDOM }) => {
  const page = '<p>a</p><script>document.querySelector("p").textContent += 1 + 1</script>'
  const dom = new JSDOM(page, { runScripts: 'dangerously' })
  const html = dom.serialize()
  dom.window.close()
  return html
}
