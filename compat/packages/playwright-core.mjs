// Runs in: plain node, the template, a child. playwright-core starts, and finds no browser.
export const load = () => import('playwright-core')
export const use = async ({ chromium }) => {
  const said = await chromium.launch({ executablePath: '/nowhere/chromium' }).catch((error) => error.message)
  return `${chromium.name()} ${said.split('\n')[0]}`
}
