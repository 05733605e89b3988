// Runs in: owner. What a process has from its parent and a template has from its owner as that was at its start: who it
// is, and how it is treated. A program that drops its privileges later must not start processes that still have them.
import { getPriority } from 'node:os'

/** Users, groups, umask and priority of this process now, as text to be compared. */
export function identityOf(): string {
  const users = [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!(), ...process.getgroups!()]
  return [...users, process.umask(), getPriority()].join()
}
