// Runs in: child, however it was born. What process.ppid is: programs look there for the process that started them, and
// whether it has ended.
import { readFileSync } from 'node:fs'

/**
 * Makes process.ppid the process id of the owner, as long as the parent in the kernel's view is the template. The
 * template ends with its owner, and then process.ppid changes, as it does in plain Node.
 */
export function haveParent(owner: number): void {
  const template = process.ppid
  const get = (): number => {
    const parent = parentNow() ?? template
    return parent === template ? owner : parent
  }
  Object.defineProperty(process, 'ppid', { get, enumerable: true, configurable: true })
}

// Node's own property reads as a value, so its getter cannot be kept when it is replaced.
function parentNow(): number | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return undefined
  }
}
