// Runs in: owner, template and child. Every error class that forkserver throws, and the table of their codes.
//
// Each class stands for one kind of failure: your mistake (UsageError), no authentication (AuthError), a child that
// died (ChildError), a template that failed or is gone (TemplateError), a broken protocol (ProtocolError), and a system
// call that the kernel refused (ResourceError: EAGAIN, ENOMEM, EMFILE, an address in use). The code of an error is
// stable. The text may change.

const TABLE = {
  ERR_UNKNOWN_OPTION: ['UsageError', 'you passed an option that does not exist; the message suggests the nearest one'],
  ERR_INVALID_OPTION: ['UsageError', 'the value of an option has the wrong type or is out of range'],
  ERR_INVALID_ARGUMENT: ['UsageError', 'the function does not accept this argument'],
  ERR_INVALID_STATE: [
    'UsageError',
    'calls in the wrong order, such as a second start(), or a request on a closed server; ' +
      'or a module that starts processes of itself while it is imported',
  ],
  ERR_NOT_EXPORTED: ['UsageError', 'the module does not export the function that a reference names'],
  ERR_CANNOT_CLONE: [
    'UsageError',
    'an argument or a result contains a value that cannot be cloned; the message says where',
  ],
  ERR_UNSUPPORTED: ['UsageError', 'this platform or this start method cannot do that'],
  ERR_AUTH_REFUSED: ['AuthError', 'the other side does not have the key, or did not accept ours'],
  ERR_AUTH_TIMEOUT: ['AuthError', 'the handshake did not finish in time'],
  ERR_PEER_REFUSED: ['AuthError', 'the process on the other side runs as another user'],
  ERR_CHILD_DIED: ['ChildError', 'the child exited or was killed before it delivered its result'],
  ERR_TIMEOUT: [
    'ChildError',
    'a time limit ran out: `timeout` of a process or of a task, `startTimeout` or `teardownTimeout` of a worker ' +
      '(what ran was killed), or `timeout` of join() (the process keeps running)',
  ],
  ERR_POOL_BROKEN: [
    'ChildError',
    'workers of a pool keep ending before their first task; the last failure is the cause',
  ],
  ERR_PRELOAD_FAILED: ['TemplateError', 'a preloaded module or the warm-up threw an error, which is the cause'],
  ERR_UNFORKABLE: ['TemplateError', 'the preload left something open that cannot be forked; `findings` lists it'],
  ERR_TEMPLATE_START: [
    'TemplateError',
    'the template process could not be started, ended before it was ready, or was not ready within `startTimeout`',
  ],
  ERR_TEMPLATE_LOST: [
    'TemplateError',
    'the template is gone, or did not answer within `templateTimeout`, ' +
      'so it cannot start a process or report how one ended',
  ],
  ERR_PROTOCOL: ['ProtocolError', 'the other side sent bytes that the protocol does not allow at this point'],
  ERR_MESSAGE_TOO_LARGE: ['ProtocolError', 'a frame announces more bytes than its receiver accepts'],
  ERR_CONNECTION_ENDED: ['ProtocolError', 'the connection ended in the middle of a message'],
  ERR_PICKLE_REFUSED: [
    'ProtocolError',
    'a pickle asks for a class or a function, or exceeds a limit; none of its code was run',
  ],
  ERR_CONNECTION_CLOSED: [
    'ProtocolError',
    'the other side closed the connection, so you cannot send or receive any more',
  ],
  ERR_RESOURCE: ['ResourceError', 'the kernel refused a system call; `errno` and `syscall` say which one and why'],
  ERR_QUEUE_FULL: ['ResourceError', 'maxQueue tasks of the pool are waiting for a worker already'],
  ERR_ADDRESS_IN_USE: ['ResourceError', 'another process listens on the address'],
  ERR_ADDRESS_TOO_LONG: ['ResourceError', 'the path or name is longer than the system allows for a socket (sun_path)'],
  ERR_CONNECT: ['ResourceError', 'nobody can be reached at the address'],
} as const

/** The stable `code` of every error that forkserver throws. */
export type ErrorCode = keyof typeof TABLE

type CodesOf<Class extends string> = {
  [C in ErrorCode]: (typeof TABLE)[C][0] extends Class ? C : never
}[ErrorCode]

/** The names of the error classes that have codes. */
export type ErrorClassName = (typeof TABLE)[ErrorCode][0]

/** The class of each code, and when it occurs. docs/ERRORS.md shows this table; a test compares the two. */
export const ERROR_CODES: Readonly<Record<ErrorCode, readonly [className: ErrorClassName, when: string]>> = TABLE

function nameClass(Class: { prototype: object }, name: string): void {
  // As in built-in errors, the name is on the prototype and not enumerable. Then a stack starts with the class's name.
  Object.defineProperty(Class.prototype, 'name', { value: name, configurable: true, writable: true })
}

/**
 * Your mistake. Fix the call.
 *
 * @example
 * const error = await ForkServer.start({ preload: ['./jobs.js'] }).catch((error) => error)
 * if (error instanceof UsageError) console.error(error.code, error.message)
 */
export class UsageError extends TypeError {
  /** Which mistake it is: a code of the class UsageError in ERROR_CODES. */
  readonly code: CodesOf<'UsageError'>
  constructor(code: CodesOf<'UsageError'>, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
nameClass(UsageError, 'UsageError')

/**
 * Every error of forkserver that is not a UsageError.
 *
 * @example
 * const isOurs = (error: unknown) => error instanceof ForkServerError || error instanceof UsageError
 */
export class ForkServerError extends Error {
  /** Which failure it is: a code of ERROR_CODES. It is stable, and the message is not. */
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
nameClass(ForkServerError, 'ForkServerError')

/**
 * The two sides do not have the same key, or the handshake did not finish in time.
 *
 * @example
 * const error = await connect(address, { authKey }).catch((error) => error)
 * if (error instanceof AuthError) console.error('The other side has another key.')
 */
export class AuthError extends ForkServerError {
  /** Why: refused, too late, or another user. */
  declare readonly code: CodesOf<'AuthError'>
  constructor(code: CodesOf<'AuthError'>, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
nameClass(AuthError, 'AuthError')

/**
 * The child exited, was killed, or ran out of time.
 *
 * @example
 * const error = await job.result.catch((error) => error)
 * if (error instanceof ChildError) console.error(error.pid, error.exitCode, error.signal)
 */
export class ChildError extends ForkServerError {
  /** Whether it died, was too slow, or could not be replaced in its pool. */
  declare readonly code: CodesOf<'ChildError'>
  /** Process id of the child; undefined if it was never started. */
  readonly pid: number | undefined
  /** Exit code; null if a signal ended the child or the code is not known. */
  readonly exitCode: number | null
  /** Name of the signal that ended the child, or null. */
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

/**
 * What is wrong with a template, or with one of its modules. If it is `impossible`, the template cannot be forked. If
 * it is `suspicious`, forking may work: that ends the start, too, unless `strict` is false. If it is `failed`, the
 * module could not be loaded. If it is `different`, the module would behave differently in a child (`tripwires`). If it
 * is `unknown`, nobody knows which optional module ended a start, and this one was left out with all the others.
 *
 * @example
 * const skipped = new Set(server.report?.skipped.map((finding: Finding) => finding.module))
 */
export interface Finding {
  /** The module that brought it, as `preload` names it; null if that is not known, or if no module brought it. */
  module: string | null
  /** What it is, and when it appeared, as a clause. */
  what: string
  /** How bad it is. */
  severity: 'impossible' | 'suspicious' | 'failed' | 'different' | 'unknown'
}

/**
 * The template could not be made ready, or is gone.
 *
 * @example
 * const error = await ForkServer.start({ preload: [jobs.module] }).catch((error) => error)
 * if (error instanceof TemplateError) console.error(error.findings, error.cause)
 */
export class TemplateError extends ForkServerError {
  /** In which part of its life it failed: at the preload, the check, the start, or later. */
  declare readonly code: CodesOf<'TemplateError'>
  /**
   * ERR_UNFORKABLE: what stands against a fork, and which module brought it. ERR_PRELOAD_FAILED: the module that
   * threw. Empty for every other code.
   */
  readonly findings: readonly Finding[]
  constructor(
    code: CodesOf<'TemplateError'>,
    message: string,
    options?: ErrorOptions & { findings?: readonly Finding[] },
  ) {
    super(code, message, options)
    this.findings = options?.findings ?? []
  }
}
nameClass(TemplateError, 'TemplateError')

/**
 * The other side sent something that the protocol does not allow, or closed the connection.
 *
 * @example
 * const error = await connection.recv().catch((error) => error)
 * if (error instanceof ProtocolError && error.code === 'ERR_CONNECTION_CLOSED') await connection.close()
 */
export class ProtocolError extends ForkServerError {
  /** What was wrong, or that the other side is gone. */
  declare readonly code: CodesOf<'ProtocolError'>
  constructor(code: CodesOf<'ProtocolError'>, message: string, options?: ErrorOptions) {
    super(code, message, options)
  }
}
nameClass(ProtocolError, 'ProtocolError')

/**
 * The kernel refused a system call, or a limit of your own is reached.
 *
 * @example
 * const error = await job.start().catch((error) => error)
 * if (error instanceof ResourceError) console.error(error.syscall, error.errno)
 */
export class ResourceError extends ForkServerError {
  /** Which resource: of the kernel in general, an address, or the queue of a pool. */
  declare readonly code: CodesOf<'ResourceError'>
  /** The name of the error, such as 'EMFILE'; undefined if it is not known. */
  readonly errno: string | undefined
  /** The system call that failed; undefined if it is not known. */
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
