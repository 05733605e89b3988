// Runs in: plain node, the template, a child. puppeteer-core starts, and finds no browser.
export const load = () => import('puppeteer-core')
export const use = async ({ default: puppeteer }) => {
  const said = await puppeteer.launch({ executablePath: '/nowhere/chromium' }).catch((error) => error.message)
  return said.split('\n')[0]
}
