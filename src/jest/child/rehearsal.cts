// Runs in: template. A test file for jest, which a template runs once: what it calls is compiled for all children.
declare const describe: (name: string, block: () => void) => void
declare const test: (name: string, block: () => unknown) => void
declare const expect: (value: unknown) => Record<string, (other?: unknown) => void>

describe('a rehearsal', () => {
  test('of what most test files do', async () => {
    await null
    expect(1).toBe!(1)
    expect({ a: [1] }).toEqual!({ a: [1] })
  })
})
