// Runs in: owner and template. The table of the control messages: their kinds, fields and descriptors. Pure.
// control-codec.ts has the codec and says what is allowed when; docs/PROTOCOL.md shows this table, and a test
// compares.

/** The direction of a message. */
export type ControlDirection = 'owner to template' | 'template to owner'

/** Big-endian unsigned integers and their bytes. A u64 is a JavaScript number here, so it must be a safe integer. */
export const FIELD_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const
type FieldType = keyof typeof FIELD_BYTES

export interface ControlShape {
  /** The first byte of the message. Kinds of the template have their highest bit set. */
  readonly kind: number
  readonly direction: ControlDirection
  readonly when: string
  /** Which descriptors the message carries, in this order. */
  readonly descriptors: readonly string[]
  /** The fields that follow the kind, without gaps: name, type, meaning. */
  readonly fields: readonly (readonly [name: string, type: FieldType, meaning: string])[]
}

/** Every control message. The codec, the types and docs/PROTOCOL.md follow this table. */
export const CONTROL_MESSAGES = {
  attach: {
    kind: 1,
    direction: 'owner to template',
    when: 'first, exactly once',
    descriptors: ['lifeline'],
    fields: [['version', 'u16', 'protocol version of the owner']],
  },
  fork: {
    kind: 2,
    direction: 'owner to template',
    when: 'after attach',
    descriptors: ['channel', 'stdin', 'stdout', 'stderr'],
    fields: [
      ['id', 'u32', 'names the request, and then the child; no other live child of this owner has it'],
      [
        'flags',
        'u16',
        'bit 0: may outlive its owner, in its own session; bit 1: signals reach its group, which ends with it; ' +
          'bit 2: may outlive its owner; others are 0',
      ],
      [
        'stdio',
        'u8',
        'how many follow the channel: 3 to 15, which become 0, 1, 2 and so on; or 0: a spare gets them with its job',
      ],
    ],
  },
  signal: {
    kind: 3,
    direction: 'owner to template',
    when: 'after attach',
    descriptors: [],
    fields: [
      ['id', 'u32', 'of the child; ignored if it is not alive'],
      ['signal', 'u8', 'Linux signal number, 0 to 64; 0 sends none'],
    ],
  },
  detach: {
    kind: 4,
    direction: 'owner to template',
    when: 'last, once every child that may not outlive the owner has ended',
    descriptors: [],
    fields: [],
  },
  handOver: {
    kind: 5,
    direction: 'owner to template',
    when: 'at most once, from the owner that started the template',
    descriptors: ['heir'],
    fields: [],
  },
  attached: {
    kind: 129,
    direction: 'template to owner',
    when: 'exactly once, the answer to attach',
    descriptors: [],
    fields: [
      ['version', 'u16', 'protocol version of the template'],
      ['pid', 'u32', 'process id of the template'],
    ],
  },
  forked: {
    kind: 130,
    direction: 'template to owner',
    when: 'the answer to fork',
    descriptors: [],
    fields: [
      ['id', 'u32', 'of the fork'],
      ['pid', 'u32', 'process id of the child'],
    ],
  },
  forkFailed: {
    kind: 131,
    direction: 'template to owner',
    when: 'the answer to fork, if there is no child',
    descriptors: [],
    fields: [
      ['id', 'u32', 'of the fork; free for another one from now on'],
      ['errno', 'u16', 'Linux errno number'],
    ],
  },
  exited: {
    kind: 132,
    direction: 'template to owner',
    when: 'exactly once after each forked',
    descriptors: [],
    fields: [
      ['id', 'u32', 'of the fork; free for another one from now on'],
      ['pid', 'u32', 'process id of the child'],
      ['exitCode', 'u8', 'exit code; 0 if a signal ended it'],
      ['signal', 'u8', 'Linux signal number that ended it; 0 for none'],
      ['userMicros', 'u64', 'processor time in user mode, microseconds'],
      ['systemMicros', 'u64', 'processor time in the kernel, microseconds'],
      ['maxRssBytes', 'u64', 'largest resident set, bytes'],
      ['minorFaults', 'u32', 'page faults served without reading from a disk'],
      ['majorFaults', 'u32', 'page faults that had to read from a disk'],
    ],
  },
  refused: {
    kind: 134,
    direction: 'template to owner',
    when: 'to the owner that started the template, at most once a second',
    descriptors: [],
    fields: [
      ['reason', 'u8', 'why the last client was refused: the index in REFUSALS (wire/refusal-reasons.ts), 0 to 4'],
      ['uid', 'u32', 'user id of the last client'],
      ['peer', 'u32', 'process id of the last client; 0 if it is not known'],
      ['count', 'u32', 'how many clients were refused since the last such message'],
    ],
  },
  detached: {
    kind: 133,
    direction: 'template to owner',
    when: 'the answer to detach, and the last message',
    descriptors: [],
    fields: [['owners', 'u32', 'how many other owners there are; if 0, the template no longer listens, and ends']],
  },
} as const satisfies Record<string, ControlShape>

/** How many descriptors attach carries: the read end of the owner's lifeline pipe. */
export const ATTACH_DESCRIPTORS = CONTROL_MESSAGES.attach.descriptors.length

/** How many descriptors handOver carries: a socket whose other end the next template has. */
export const HAND_OVER_DESCRIPTORS = CONTROL_MESSAGES.handOver.descriptors.length

/** How many descriptors fork carries at least: channel, stdin, stdout, stderr. Further ones of the child may follow. */
export const FORK_DESCRIPTORS = CONTROL_MESSAGES.fork.descriptors.length

type Table = typeof CONTROL_MESSAGES

/** The name of a control message. */
export type ControlName = keyof Table

/** A control message, or the one of this name: its name and its fields, which are all numbers. */
export type ControlMessage<Name extends ControlName = ControlName> = {
  [N in Name]: { readonly name: N } & { readonly [Field in Table[N]['fields'][number][0]]: number }
}[Name]

/** A control message that goes in that direction. */
export type ControlMessageOf<Direction extends ControlDirection> = ControlMessage<
  { [N in ControlName]: Table[N]['direction'] extends Direction ? N : never }[ControlName]
>

export type ControlMessageToTemplate = ControlMessageOf<'owner to template'>
export type ControlMessageToOwner = ControlMessageOf<'template to owner'>
export type ForkMessage = ControlMessage<'fork'>
