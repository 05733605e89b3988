// Runs in: the test runner. How slow this machine is, for the limits that only catch hangs.

/**
 * How many times slower than a usual machine this one is. An emulated processor sets FORKSERVER_TEST_SLOWNESS
 * (platforms/arm64.ts).
 */
export const SLOWNESS = Number(process.env.FORKSERVER_TEST_SLOWNESS ?? 1)
