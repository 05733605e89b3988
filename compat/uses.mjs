// Runs in: plain node, the template, a child. Loads and uses the package that the environment names.
const { load, use } = await import(`./packages/${process.env.COMPAT_PACKAGE}.mjs`)

export async function loadPackage() {
  await load()
}

export const tryPackage = async () => use(await load())
