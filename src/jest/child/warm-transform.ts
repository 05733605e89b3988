// Runs in: template. Transforms one test file, so that the transformer (babel, for example) is loaded, has read its
// configuration, and is compiled. jest asks it for each file, also if the result is in jest's cache. The result is
// dropped here, and the cache is left alone.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { ProjectConfig } from './jest-types.js'

interface Transformer {
  createTransformer?(options: object): Transformer | Promise<Transformer>
  getCacheKey?(source: string, path: string, options: object): unknown
  process?(source: string, path: string, options: object): unknown
}

/** A transformer that fails here fails in the child, too, and jest says so there. */
export async function warmTransform(config: ProjectConfig, file: string): Promise<void> {
  const found = config.transform.find(([pattern]) => new RegExp(pattern).test(file))
  if (!found) return
  const [, transformerFile, transformerConfig] = found
  try {
    const loaded = createRequire(transformerFile)(transformerFile) as Transformer & { default?: Transformer }
    const module = loaded.default ?? loaded
    const transformer = (await module.createTransformer?.(transformerConfig)) ?? module
    const source = readFileSync(file, 'utf8')
    const options = {
      cacheFS: new Map([[file, source]]),
      config,
      configString: '',
      coverageProvider: 'babel',
      instrument: false,
      supportsDynamicImport: false,
      supportsExportNamespaceFrom: false,
      supportsStaticESM: false,
      supportsTopLevelAwait: false,
      transformerConfig,
    }
    transformer.getCacheKey?.(source, file, options)
    transformer.process?.(source, file, options)
  } catch {}
}
