export function square(n) {
  return n * n
}

export function fail() {
  throw new RangeError('out of range')
}

export function crash() {
  process.kill(process.pid, 'SIGSEGV')
}
