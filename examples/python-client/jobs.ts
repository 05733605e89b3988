// The jobs that a client may ask for, in forked processes.

/** How many primes there are below a number, and the largest three. */
export function primes({ below }: { below: number }): { count: number; largest: number[] } {
  const isComposite = new Uint8Array(below)
  const found: number[] = []
  for (let n = 2; n < below; n++) {
    if (isComposite[n]) continue
    found.push(n)
    for (let multiple = n * n; multiple < below; multiple += n) isComposite[multiple] = 1
  }
  return { count: found.length, largest: found.slice(-3) }
}

export function crash(): void {
  process.kill(process.pid, 'SIGSEGV')
}
