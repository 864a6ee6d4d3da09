// Defines the exit codes. Only this file maps errors to exit codes, and it contains the text that
// documents them.
import { denialHint } from "../base/owner.js";
import { StoreError, type ErrorCode } from "../base/errors.js";

export const exitCodes = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  notFound: 3,
  exists: 4,
  precondition: 5,
  unavailable: 6,
  invalid: 7,
  exhausted: 8,
  dataLoss: 9,
  denied: 10,
  /**
   * `check` found problems, `repair` left some, `adopt` could not adopt some snapshots, or `remote
   * check` found that the remote cannot be used.
   */
  problems: 11,
  /** 128 + SIGINT, by the convention of shells. */
  interrupted: 130,
  /** 128 + SIGPIPE, for a program whose reader is gone. */
  brokenPipe: 141,
} as const;

const codeOfError: Readonly<Record<ErrorCode, number>> = {
  CANCELLED: exitCodes.unexpected,
  UNKNOWN: exitCodes.unexpected,
  INTERNAL: exitCodes.unexpected,
  INVALID_ARGUMENT: exitCodes.invalid,
  NOT_FOUND: exitCodes.notFound,
  ALREADY_EXISTS: exitCodes.exists,
  FAILED_PRECONDITION: exitCodes.precondition,
  ABORTED: exitCodes.precondition,
  UNIMPLEMENTED: exitCodes.precondition,
  UNAVAILABLE: exitCodes.unavailable,
  DEADLINE_EXCEEDED: exitCodes.unavailable,
  RESOURCE_EXHAUSTED: exitCodes.exhausted,
  DATA_LOSS: exitCodes.dataLoss,
  UNAUTHENTICATED: exitCodes.denied,
  PERMISSION_DENIED: exitCodes.denied,
};

export const exitCodesHelp = `Exit codes:
  0    done
  1    unexpected error
  2    wrong usage
  3    no such snapshot or directory
  4    the name is taken
  5    not possible now: in use, ambiguous, busy, target not empty, not supported
  6    no daemon, shutting down, or too slow (--timeout)
  7    invalid input: a field, an archive, a configuration
  8    full: storage or a limit
  9    data is damaged or was cut off
  10   permission denied: a socket, a file, a store, credentials or a role
  11   check found problems
  130  interrupted (128 + the signal's number for other signals)
  141  the reader of the output went away`;

/**
 * A problem on the client's side: an invalid command line, a local file, or its content. `stasis
 * health` also uses it for services that do not serve.
 */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: ErrorCode;
  readonly reason: "USAGE" | "FILE_FAILED" | "INPUT_INVALID" | "NOT_SERVING";
  readonly hint: string | undefined;

  constructor(code: ErrorCode, reason: CliError["reason"], message: string, hint?: string) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.hint = hint;
  }
}

export function usageError(message: string, hint?: string): CliError {
  return new CliError("INVALID_ARGUMENT", "USAGE", message, hint);
}

const fileCodes: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "NOT_FOUND",
  ENOTDIR: "NOT_FOUND",
  EEXIST: "ALREADY_EXISTS",
  ENOSPC: "RESOURCE_EXHAUSTED",
  EDQUOT: "RESOURCE_EXHAUSTED",
  EACCES: "PERMISSION_DENIED",
  EPERM: "PERMISSION_DENIED",
};

/**
 * Converts a system error on a file that the user named; returns other errors unchanged. `access`
 * is the access that the program needed.
 */
export function fileError(error: unknown, what: string, access?: "read" | "write" | "run"): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if (!isSystemError(error) || isBrokenPipe(error)) return error;
  const words = error.message.split(", ")[0] ?? error.message;
  const { path } = error;
  const hint =
    access === undefined || path === undefined ? undefined : denialHint(error, path, access);
  return new CliError(codeOfSystemError(error), "FILE_FAILED", `${what}: ${words}`, hint);
}

export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && "syscall" in error;
}

export function codeOfSystemError({ code }: NodeJS.ErrnoException): ErrorCode {
  return fileCodes[String(code)] ?? "INTERNAL";
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError && error.reason === "USAGE") return exitCodes.usage;
  // The system denied access to a local file, whatever the reason of the error is.
  if (error instanceof StoreError && /^(EACCES|EPERM)$/.test(error.metadata["errno"] ?? "")) {
    return exitCodes.denied;
  }
  if (error instanceof CliError || error instanceof StoreError) return codeOfError[error.code];
  if (isBrokenPipe(error)) return exitCodes.brokenPipe;
  return isSystemError(error) ? codeOfError[codeOfSystemError(error)] : exitCodes.unexpected;
}

export function isBrokenPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EPIPE";
}
