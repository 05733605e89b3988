// Runs in: owner and template. Why a template refuses a client. Pure.

/** The reasons, by the number that the message `refused` carries. */
export const REFUSALS = [
  'another user',
  'it does not hold the key',
  'it broke the protocol',
  'it did not prove itself in time',
  'others wait, and it had not proved itself',
] as const

/** Why a client was refused. */
export type RefusalReason = (typeof REFUSALS)[number]
