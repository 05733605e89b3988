// Runs in: the scripts that make and check the package. The prebuilt libraries that a package holds.
import path from 'node:path'
import { librariesFor, ROOT } from './native-libraries.mjs'

/** The processors for which the package holds the libraries. On any other, processes are spawned. */
export const PACKED_ARCHITECTURES = ['x64', 'arm64']

/** The folder of the prebuilt libraries. It is made before packing, and never committed. */
export const PREBUILDS = path.join(ROOT, 'native', 'prebuilds')

/** The prebuilt libraries, each with its file and its processor. */
export const prebuilds = () =>
  PACKED_ARCHITECTURES.flatMap((arch) =>
    librariesFor(arch).map(({ name }) => ({ name, arch, file: path.join(PREBUILDS, name) })),
  )
