// Runs in: the test runner. A Python as the other side of a connection.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Address } from 'forkserver/connection'
import { findPythons3, type Python } from '../support/pythons.js'

const PEER = fileURLToPath(new URL('../../../test/fixtures/connection/peer.py', import.meta.url))
const LIMIT_MS = 120_000

/** Multiprocessing of 3.8 and later is spoken with; since 3.12 it knows digests other than MD5. */
export interface ModernPython extends Python {
  readonly isModern: boolean
}

/** Every Python that is spoken with. */
export function findPeers(): ModernPython[] {
  return findPythons3()
    .filter(({ minor }) => minor >= 8)
    .map((python) => ({ ...python, isModern: python.minor >= 12 }))
}

/** A running peer: where it listens, if it does, and its last word. */
export interface Peer {
  readonly address: Promise<Address>
  readonly lastWord: Promise<string>
}

function toPython(address: Address): unknown {
  if ('path' in address) return address.path
  return 'abstract' in address ? `@${address.abstract}` : [address.host, address.port]
}

/** What a peer that listens says first: host and port, or nothing new. */
function listeningAt(line: string, address: Address): Address {
  const at = JSON.parse(line) as [string, number] | ''
  return at === '' ? address : { host: at[0], port: at[1] }
}

/** Starts a peer: see peer.py. */
export function startPeer(
  python: Python,
  side: 'listen' | 'connect',
  {
    address,
    key,
    scenario,
    argument = '',
  }: { address: Address; key: Uint8Array | null; scenario: string; argument?: string },
): Peer {
  const keyText = key === null ? 'none' : Buffer.from(key).toString('hex')
  const args = ['-I', PEER, side, JSON.stringify(toPython(address)), keyText, scenario, argument]
  const child = spawn(python.command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS })
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const lines: string[] = []
  const all = new Promise<string[]>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(lines) : reject(new Error(`Python ended with ${code}: ${errors}`)),
    )
  })
  const first = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line)
      resolve(line)
    })
    all.then(() => reject(new Error(`Python said nothing. ${errors}`)), reject)
  })
  first.catch(() => {})
  return {
    address: side === 'listen' ? first.then((line) => listeningAt(line, address)) : Promise.resolve(address),
    lastWord: all.then((said) => said.at(-1) ?? ''),
  }
}
