// Runs in: template (preloaded) and child. What the smoke test runs in its processes.

export function double(number: number): { pid: number; value: number; random: number } {
  return { pid: process.pid, value: number * 2, random: Math.random() }
}

export function dieBySignal(): void {
  process.kill(process.pid, 'SIGKILL')
}
