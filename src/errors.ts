// Runs in: owner, template and child. Every error class that forkserver throws, and the table of their codes.
//
// Five failures never look alike: your mistake (UsageError), refused (AuthError), a child died (ChildError), the template
// failed or was lost (TemplateError), the other side broke the protocol (ProtocolError). A sixth, ResourceError, is the
// kernel saying no (EAGAIN, ENOMEM, EMFILE, an address in use). The code is stable; the text may improve.

/** Which class carries which codes, and when: docs/ERRORS.md shows this table and a test holds the two together. */
export const ERROR_CODES = {
  ERR_UNKNOWN_OPTION: ['UsageError', 'an option that does not exist; the message suggests the nearest one'],
  ERR_INVALID_OPTION: ['UsageError', 'an option whose value has the wrong type or range'],
  ERR_INVALID_ARGUMENT: ['UsageError', 'an argument that is not what the function takes'],
  ERR_INVALID_STATE: ['UsageError', 'a call in the wrong order: start() twice, a request on a closed server'],
  ERR_NOT_EXPORTED: ['UsageError', 'a reference to a function that its module does not export'],
  ERR_CANNOT_CLONE: ['UsageError', 'an argument or a result that cannot be structured-cloned, named by its path'],
  ERR_UNSUPPORTED: ['UsageError', 'something that this platform or start method cannot do'],
  ERR_AUTH_REFUSED: ['AuthError', 'the other side does not hold the key, or refused ours'],
  ERR_AUTH_TIMEOUT: ['AuthError', 'the handshake did not finish before its deadline'],
  ERR_PEER_REFUSED: ['AuthError', 'the other side runs as another user'],
  ERR_CHILD_DIED: ['ChildError', 'the child exited or was killed before it delivered its result'],
  ERR_TIMEOUT: ['ChildError', 'the time limit ran out: of a process (it was killed) or of a join (it was not)'],
  ERR_POOL_BROKEN: ['ChildError', 'workers of a pool keep ending before they take a task; the last one is the cause'],
  ERR_PRELOAD_FAILED: ['TemplateError', 'a preload module or the warm-up threw; its own error is the cause'],
  ERR_UNFORKABLE: ['TemplateError', 'what the preload left behind cannot be forked; reasons lists it'],
  ERR_TEMPLATE_START: ['TemplateError', 'the template process could not be started or ended before it was ready'],
  ERR_TEMPLATE_LOST: ['TemplateError', 'the template is gone, so a request or an exit cannot be answered'],
  ERR_PROTOCOL: ['ProtocolError', 'bytes that the protocol does not allow at this point'],
  ERR_MESSAGE_TOO_LARGE: ['ProtocolError', 'a frame that announces more bytes than its receiver takes'],
  ERR_CONNECTION_ENDED: ['ProtocolError', 'the connection ended in the middle of a message'],
  ERR_PICKLE_REFUSED: [
    'ProtocolError',
    'a pickle that asks for a class or a function, or for more than its limits; nothing was run',
  ],
  ERR_CONNECTION_CLOSED: ['ProtocolError', 'the other side closed the connection: nothing more comes, or can be sent'],
  ERR_RESOURCE: ['ResourceError', 'the kernel refused: errno and syscall say what was exhausted'],
  ERR_QUEUE_FULL: ['ResourceError', 'as many tasks wait for a worker of the pool as its maxQueue allows'],
  ERR_ADDRESS_IN_USE: ['ResourceError', 'the address is taken'],
  ERR_ADDRESS_TOO_LONG: ['ResourceError', 'the address does not fit into sun_path'],
  ERR_CONNECT: ['ResourceError', 'nothing can be reached at the address'],
} as const

/** The stable `code` of every error that forkserver throws. */
export type ErrorCode = keyof typeof ERROR_CODES

type CodesOf<Class extends string> = {
  [C in ErrorCode]: (typeof ERROR_CODES)[C][0] extends Class ? C : never
}[ErrorCode]

function nameClass(Class: { prototype: object }, name: string): void {
  // On the prototype and not enumerable, as the built-in errors have it: a stack then starts with the class's name.
  Object.defineProperty(Class.prototype, 'name', { value: name, configurable: true, writable: true })
}

/** Your mistake: fix the call. */
export class UsageError extends TypeError {
  readonly code: CodesOf<'UsageError'>
  constructor(code: CodesOf<'UsageError'>, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
nameClass(UsageError, 'UsageError')

/** Every error of forkserver that is not a UsageError. */
export class ForkServerError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
nameClass(ForkServerError, 'ForkServerError')

/** Refused: the two sides do not share a key, or the handshake was not finished in time. */
export class AuthError extends ForkServerError {
  declare readonly code: CodesOf<'AuthError'>
  constructor(code: CodesOf<'AuthError'>, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
nameClass(AuthError, 'AuthError')

/** The child exited, was killed, or ran out of time. */
export class ChildError extends ForkServerError {
  declare readonly code: CodesOf<'ChildError'>
  /** Process id of the child, where it had one. */
  readonly pid: number | undefined
  /** Exit code, or null where a signal ended it or it is not known. */
  readonly exitCode: number | null
  /** Name of the signal that ended it, or null. */
  readonly signal: NodeJS.Signals | null
  constructor(
    code: CodesOf<'ChildError'>,
    message: string,
    child: { pid?: number | undefined; exitCode?: number | null; signal?: NodeJS.Signals | null },
    options?: ErrorOptions,
  ) {
    super(code, message, options)
    this.pid = child.pid
    this.exitCode = child.exitCode ?? null
    this.signal = child.signal ?? null
  }
}
nameClass(ChildError, 'ChildError')

/** The template could not be made ready, or is gone. */
export class TemplateError extends ForkServerError {
  declare readonly code: CodesOf<'TemplateError'>
  /** Why the template cannot be forked, one sentence each; empty for every code but ERR_UNFORKABLE. */
  readonly reasons: readonly string[]
  constructor(
    code: CodesOf<'TemplateError'>,
    message: string,
    options?: ErrorOptions & { reasons?: readonly string[] },
  ) {
    super(code, message, options)
    this.reasons = options?.reasons ?? []
  }
}
nameClass(TemplateError, 'TemplateError')

/** The other side sent what the protocol does not allow, or has gone. */
export class ProtocolError extends ForkServerError {
  declare readonly code: CodesOf<'ProtocolError'>
  constructor(code: CodesOf<'ProtocolError'>, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
nameClass(ProtocolError, 'ProtocolError')

/** The kernel said no. */
export class ResourceError extends ForkServerError {
  declare readonly code: CodesOf<'ResourceError'>
  /** The symbolic errno, such as 'EMFILE', where one is known. */
  readonly errno: string | undefined
  /** The system call that failed, where one is known. */
  readonly syscall: string | undefined
  constructor(
    code: CodesOf<'ResourceError'>,
    message: string,
    options?: ErrorOptions & { errno?: string | undefined; syscall?: string | undefined },
  ) {
    super(code, message, options)
    this.errno = options?.errno
    this.syscall = options?.syscall
  }
}
nameClass(ResourceError, 'ResourceError')
