// Runs in: template. A preload that holds as many MiB of small objects as BENCH_HOLD_MIB says.
const MIB_OF_OBJECTS = 10_000 // V8 takes about 1.3 MiB for so many of these

/** What the template holds: its children have it, too. */
export const held = Array.from({ length: Number(process.env.BENCH_HOLD_MIB ?? 0) }, () =>
  Array.from({ length: MIB_OF_OBJECTS }, (_, at) => ({ at, text: `x${at}`, list: [at] })),
)
