// Runs in: owner and child. Addresses of connections, as users write them, and their checks. Pure.
import type { AddressInfo } from 'node:net'
import { ResourceError, UsageError } from '../errors.js'
import { type Check, checkOptions, integer, invalidOption, string } from '../options/option-checks.js'

/** A TCP address (IPv4, IPv6 or a host name), a unix socket file, or a name in Linux's abstract namespace. */
export type Address =
  | {
      /** An IPv4 or IPv6 address, or the name of a host. */
      readonly host: string
      /** The TCP port; 0 lets a listener choose a free one. */
      readonly port: number
    }
  | {
      /** The path of a socket file, at most 107 bytes (103 on other systems than Linux). */
      readonly path: string
    }
  | {
      /** A name without a file, at most 107 bytes. Linux only. */
      readonly abstract: string
    }

const MAX_PORT = 65_535
/**
 * The size of sun_path: 108 bytes on Linux, 104 elsewhere. A path needs one of them for its closing zero, an abstract
 * name needs one for its leading zero.
 */
const SUN_PATH_BYTES = process.platform === 'linux' ? 108 : 104

const CHECKS = {
  tcp: { host: string, port: integer(0, MAX_PORT) },
  path: { path: string },
  abstract: { abstract: string },
}

/** Checks an address and returns a copy. */
export const address: Check<Address> = (value, site) => {
  const must = 'an address: { host, port }, { path } or { abstract }'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidOption(site, must, value)
  const where = `an address for ${site.of}`
  if ('path' in value) return { path: checkOptions<{ path: string }>(where, value, CHECKS.path).path }
  if ('abstract' in value)
    return { abstract: checkOptions<{ abstract: string }>(where, value, CHECKS.abstract).abstract }
  const { host, port } = checkOptions<{ host: string; port: number }>(where, value, CHECKS.tcp)
  if (host === undefined || port === undefined) throw invalidOption(site, must, value)
  return { host, port }
}

/** The address as text, for error messages. */
export function show(to: Address): string {
  if ('path' in to) return to.path
  if ('abstract' in to) return `the abstract name ${to.abstract}`
  return to.host.includes(':') ? `[${to.host}]:${to.port}` : `${to.host}:${to.port}`
}

/** The address of a TCP socket. */
export function fromInfo({ address: host, port }: Pick<AddressInfo, 'address' | 'port'>): Address {
  return { host, port }
}

/** @throws ResourceError ERR_ADDRESS_TOO_LONG */
export function checkLength(name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes < SUN_PATH_BYTES) return
  const text =
    `The address has ${bytes} bytes; ` + `a unix socket allows ${SUN_PATH_BYTES - 1}. Choose a shorter path or name.`
  throw new ResourceError('ERR_ADDRESS_TOO_LONG', text)
}

/** The path as node:net takes it. node:net does not know abstract names in all versions. */
export function netPath(to: Address): string {
  if ('path' in to) return to.path
  const text = `${show(to)} needs Linux and the addon of forkserver, which is not loaded here. Use a path or a port.`
  throw new UsageError('ERR_UNSUPPORTED', text)
}
