// Defines the error class of stasis and the reasons that an error can have. Code of every layer
// throws it. Only the transport converts it to a gRPC status, only the CLI converts it to an exit
// code, and the client converts a gRPC status back into it.

/** Canonical gRPC status names that stasis answers with (google.rpc.Code). */
export type ErrorCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/**
 * The status code of each reason. A reason never appears with another code, except UNRECOGNIZED: it
 * stands for an error without a known reason, and has the code of that error.
 */
export const codeOfReason = {
  FIELD_INVALID: "INVALID_ARGUMENT",
  PAGE_TOKEN_INVALID: "INVALID_ARGUMENT",
  FRAME_ORDER_INVALID: "INVALID_ARGUMENT",
  CHECKSUM_MISMATCH: "INVALID_ARGUMENT",
  ARCHIVE_INVALID: "INVALID_ARGUMENT",
  ENVELOPE_MISSING: "INVALID_ARGUMENT",
  ENVELOPE_VERSION_UNSUPPORTED: "INVALID_ARGUMENT",
  REQUEST_ID_REUSED: "INVALID_ARGUMENT",
  SNAPSHOT_NOT_FOUND: "NOT_FOUND",
  DIRECTORY_NOT_FOUND: "NOT_FOUND",
  GC_SESSION_NOT_FOUND: "NOT_FOUND",
  REMOTE_COPY_MISSING: "NOT_FOUND",
  SNAPSHOT_NAME_TAKEN: "ALREADY_EXISTS",
  SNAPSHOT_ID_TAKEN: "ALREADY_EXISTS",
  AMBIGUOUS_REF: "FAILED_PRECONDITION",
  SNAPSHOT_IN_USE: "FAILED_PRECONDITION",
  CROSS_FILESYSTEM: "FAILED_PRECONDITION",
  DIRECTORY_NOT_EMPTY: "FAILED_PRECONDITION",
  GC_REFERENCES_INCOMPLETE: "FAILED_PRECONDITION",
  CLOCK_SUSPECT: "FAILED_PRECONDITION",
  ROOT_LOCKED: "FAILED_PRECONDITION",
  PEER_REFUSED: "FAILED_PRECONDITION",
  REMOTE_REFUSED: "FAILED_PRECONDITION",
  REMOTE_SNAPSHOT_HELD: "FAILED_PRECONDITION",
  FORMAT_UNSUPPORTED: "FAILED_PRECONDITION",
  ROOT_UNSAFE: "FAILED_PRECONDITION",
  STORE_READ_ONLY: "FAILED_PRECONDITION",
  REFLINK_UNSUPPORTED: "FAILED_PRECONDITION",
  LINK_UNSUPPORTED: "FAILED_PRECONDITION",
  SNAPSHOT_PROTECTED: "FAILED_PRECONDITION",
  OPERATION_IN_PROGRESS: "ABORTED",
  GC_LOCK_BUSY: "ABORTED",
  GC_SESSION_FENCED: "ABORTED",
  STORAGE_FULL: "RESOURCE_EXHAUSTED",
  LIMIT_EXCEEDED: "RESOURCE_EXHAUSTED",
  TOO_MANY_STREAMS: "RESOURCE_EXHAUSTED",
  DRAINING: "UNAVAILABLE",
  BLOCKED_BY_GC: "UNAVAILABLE",
  DAEMON_UNREACHABLE: "UNAVAILABLE",
  ROOT_UNAVAILABLE: "UNAVAILABLE",
  REMOTE_UNREACHABLE: "UNAVAILABLE",
  STORED_DATA_CORRUPT: "DATA_LOSS",
  DOWNLOAD_TRUNCATED: "DATA_LOSS",
  PEER_DATA_INVALID: "DATA_LOSS",
  REMOTE_DATA_INVALID: "DATA_LOSS",
  CREDENTIALS_INVALID: "UNAUTHENTICATED",
  ROLE_INSUFFICIENT: "PERMISSION_DENIED",
  ACCESS_DENIED: "PERMISSION_DENIED",
  NOT_IMPLEMENTED: "UNIMPLEMENTED",
  CALL_CANCELLED: "CANCELLED",
  DEADLINE_PASSED: "DEADLINE_EXCEEDED",
  IO_FAILED: "INTERNAL",
  INTERNAL: "INTERNAL",
  UNRECOGNIZED: "UNKNOWN",
} as const satisfies Record<string, ErrorCode>;

export type ErrorReason = keyof typeof codeOfReason;

/** One invalid field of a request (google.rpc.BadRequest.FieldViolation). */
export interface FieldViolation {
  /** Path of the field in protobuf names, for example `header.config.name`. */
  readonly field: string;
  readonly description: string;
}

/** The object of an error (google.rpc.ResourceInfo). */
export interface ResourceRef {
  /** The type of the object, for example `snapshot`, `file` or `directory`. */
  readonly type: string;
  readonly name: string;
}

export interface StoreErrorOptions {
  /**
   * One sentence that says what the caller can do about the error. Every interface appends it to
   * the message.
   */
  readonly hint?: string;
  /** Facts for programs, sent as ErrorInfo.metadata. Keys are snake_case; keep values short. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fields?: readonly FieldViolation[];
  readonly resource?: ResourceRef;
  /** Milliseconds from now after which a retry is useful (google.rpc.RetryInfo). */
  readonly retryAfterMs?: number;
  /** The code of the error, for UNRECOGNIZED only. */
  readonly code?: ErrorCode;
  /** The underlying error, which is logged and never sent to a client. */
  readonly cause?: unknown;
}

/**
 * An error with a reason that programs can act on.
 * The message names the object, what was expected and what was found; the hint says what to do.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: ErrorCode;
  readonly reason: ErrorReason;
  readonly hint: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly fields: readonly FieldViolation[];
  readonly resource: ResourceRef | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(reason: ErrorReason, message: string, options: StoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code ?? codeOfReason[reason];
    this.reason = reason;
    this.hint = options.hint;
    this.metadata = options.metadata ?? {};
    this.fields = options.fields ?? [];
    this.resource = options.resource;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Returns the message and the hint in one line, as users see them. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message}. ${this.hint}`;
  }
}

/** Returns a copy of the error with some values replaced, and with the stack of the caller. */
export function restated(
  error: StoreError,
  changes: StoreErrorOptions & { readonly message?: string },
): StoreError {
  const { message = error.message, ...options } = changes;
  const { code, hint, metadata, fields, resource, retryAfterMs, cause } = error;
  return new StoreError(error.reason, message, {
    ...{ code, metadata, fields, cause },
    ...(hint === undefined ? {} : { hint }),
    ...(resource === undefined ? {} : { resource }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...options,
  });
}

/**
 * Returns the error FIELD_INVALID for one field: `expected` describes the accepted values, `actual`
 * is the received one.
 */
export function fieldInvalid(
  field: string,
  expected: string,
  actual: unknown,
  hint?: string,
): StoreError {
  const description = `expected ${expected}, got ${describeValue(actual)}`;
  return new StoreError("FIELD_INVALID", `${field}: ${description}`, {
    fields: [{ field, description }],
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Returns the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function isStoreError(error: unknown, reason?: ErrorReason): error is StoreError {
  return error instanceof StoreError && (reason === undefined || error.reason === reason);
}

/** Returns the reason under which an error is counted and reported. */
export function reasonOfError(error: unknown): ErrorReason {
  return isStoreError(error) ? error.reason : "INTERNAL";
}

/**
 * Returns the original error. If a block with `using` fails and its cleanup fails too, JavaScript
 * throws a SuppressedError that contains both. A StoreError takes precedence, because it is more
 * specific.
 */
export function firstError(error: unknown): unknown {
  const inOrder = errorsInOrder(error);
  return inOrder.find((each) => isStoreError(each)) ?? inOrder[0];
}

/**
 * Returns the errors in the order in which they were thrown. A suppressed error comes before the
 * error that suppressed it.
 */
function errorsInOrder(error: unknown): unknown[] {
  // The comparison uses the name, because Node 20 has no such class and the compiler generates its
  // own.
  if (!(error instanceof Error) || error.name !== "SuppressedError") return [error];
  const { suppressed, error: later } = error as Error & { suppressed: unknown; error: unknown };
  return [...errorsInOrder(suppressed), ...errorsInOrder(later)];
}

/** Formats a value for an error message. A string is quoted and cut at 64 characters. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value);
  }
  return String(value);
}
