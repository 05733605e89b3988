// Runs in: the test runner. A network namespace with one cable to this machine's network: what runs in it is, for the
// network, another host. Only root can make one.
import { spawnSync } from 'node:child_process'

const CABLES_PER_PROCESS = 4
const CABLES = 2 ** 15

const canMake = (): boolean => {
  const name = `fst-probe-${process.pid}`
  if (spawnSync('ip', ['netns', 'add', name]).status !== 0) return false
  const probe = spawnSync('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
  spawnSync('ip', ['netns', 'del', name])
  return probe.status === 0
}

/** Why there can be no namespaces here, or false. */
export const NO_NAMESPACES = !canMake() && 'network namespaces need root and the command ip (iproute2)'

function ip(...args: string[]): void {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${args.join(' ')}: ${error?.message ?? stderr}`)
}

export class NetworkNamespace implements Disposable {
  readonly #name: string
  /** The address of this machine, as the namespace sees it. */
  readonly hostAddress: string

  /** @param index 0 to 3: tells it apart from the others of this process */
  constructor(index: number) {
    this.#name = `fst-${process.pid}-${index}`
    // 198.18.0.0/15 (RFC 2544): addresses that no real network has. Four for each cable, and others for each process.
    const cable = (CABLES_PER_PROCESS * process.pid + index) % CABLES
    const [high, middle, low] = [18 + (cable >> 14), (cable >> 6) & 255, (cable & 63) * 4]
    const address = (host: number): string => `198.${high}.${middle}.${low + host}`
    this.hostAddress = address(1)
    const [here, there] = [`fst${process.pid}.${index}`, 'eth0'] as const
    ip('netns', 'add', this.#name)
    try {
      ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', this.#name)
      ip('addr', 'add', `${this.hostAddress}/30`, 'dev', here)
      ip('link', 'set', here, 'up')
      ip('-n', this.#name, 'addr', 'add', `${address(2)}/30`, 'dev', there)
      ip('-n', this.#name, 'link', 'set', there, 'up')
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /** A command that runs another one inside. It becomes that one: both have the same process id. */
  get command(): readonly string[] {
    return ['ip', 'netns', 'exec', this.#name]
  }

  /** Removes it; the cable goes with it. */
  [Symbol.dispose](): void {
    spawnSync('ip', ['netns', 'del', this.#name])
  }
}
