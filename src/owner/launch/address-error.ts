// Runs in: owner. The error of a control socket that cannot listen or be reached at an address.
import { ResourceError } from '../../errors.js'
import { errnoName, resourceError } from '../../platform/native.js'
import type { ListenAddress } from '../../wire/startup.js'

/** What stands against a new file in a folder. */
const FOLDER_ERRNOS = ['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'EROFS', 'ELOOP']

/** @param errno is positive */
export function addressError(syscall: string, errno: number, address: ListenAddress | null): ResourceError {
  const name = errnoName(errno)
  const where = !address ? 'the control socket' : 'path' in address ? address.path : `@${address.abstract}`
  const details = { errno: name, syscall }
  switch (name) {
    case 'EADDRINUSE': {
      const text = `${where} is in use. Choose another address, or stop the server that has it.`
      return new ResourceError('ERR_ADDRESS_IN_USE', text, details)
    }
    case 'ENAMETOOLONG': {
      const text = `${where} is too long for a unix socket (107 bytes at the most). Choose a shorter one.`
      return new ResourceError('ERR_ADDRESS_TOO_LONG', text, details)
    }
    default: {
      if (syscall === 'listen') {
        if (!address || !('path' in address) || !FOLDER_ERRNOS.includes(name)) return resourceError(syscall, errno)
        const text = `listen() at ${where} failed with ${name}.`
        const advice = 'Choose a folder that exists and that this user may write to.'
        return new ResourceError('ERR_RESOURCE', `${text} ${advice}`, details)
      }
      const text = `${syscall}() of ${where} failed with ${name}. Check that the server runs and the address is right.`
      return new ResourceError('ERR_CONNECT', text, details)
    }
  }
}
