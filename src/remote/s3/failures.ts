// Describes what went wrong with a request, in words and as one of four reasons, and decides
// whether a retry may help.
import { StoreError, type ErrorReason } from "../../base/errors.js";
import type { RemoteAttempt, RemoteRequestKind } from "../../observe/ports.js";
import type { EngineAnswer, Broken } from "./exchange.js";
import { parseErrorDocument, type ErrorDocument } from "./xml.js";

/** The request that failed, for messages. */
export interface RequestSubject {
  readonly remote: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly kind: RemoteRequestKind;
  /** The key without the prefix of the remote. For LIST, the prefix of the keys. */
  readonly key: string;
}

export interface Failure {
  readonly attempt: RemoteAttempt;
  readonly error: StoreError;
  readonly retry: boolean;
  /**
   * Whether the request may have taken effect, or may do so later. Status 408 and 5xx leave that
   * open, and so does a connection without an answer.
   */
  readonly mayBeApplied: boolean;
  /** Whether to read the credentials again, because they may have been replaced in the meantime. */
  readonly renew: boolean;
  /** The time that must pass before a retry. */
  readonly retryAfterMs: number;
}

/** The permission that each request needs, as policies name it. */
const actions: Readonly<Record<RemoteRequestKind, string>> = {
  put: "s3:PutObject",
  get: "s3:GetObject",
  head: "s3:GetObject",
  delete: "s3:DeleteObject",
  list: "s3:ListBucket",
};

/** Advice by error code. */
const hints: Readonly<Record<string, string>> = {
  InvalidAccessKeyId: "The object store does not know this access key: check the credentials",
  // versitygw uses this code for the same error.
  XAdminUserNotFound: "The object store does not know this access key: check the credentials",
  SignatureDoesNotMatch:
    "Check the secret key and region; a proxy that changes the host or the path has this effect too",
  ExpiredToken: "The temporary credentials have expired: renew them",
  InvalidToken: "The session token is not valid: renew the temporary credentials",
  NoSuchBucket: "Make the bucket first, and check bucket and endpoint",
  AllAccessDisabled: "The bucket is switched off for everybody",
  QuotaExceeded: "The quota of the bucket or of the user is used up: delete snapshots or raise it",
  InvalidBucketName: "Check bucket and force_path_style",
  MethodNotAllowed: "Check endpoint: it may be no object store, or only one for reading",
};

const credentialCodes = new Set([
  ...["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken"],
  ...["XAdminUserNotFound", "TokenRefreshRequired", "ExpiredTokenException", "InvalidSecurity"],
]);

/**
 * Codes that say that the request did not arrive as it was sent. The next request may arrive
 * intact.
 */
const damagedCodes = new Set([
  ...["BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "IncompleteBody"],
  ...["InvalidDigest", "RequestTimeout"],
]);

const retriedStatuses = new Set([408, 425, 429, 500, 502, 503, 504]);
const redirects = new Set([301, 302, 303, 307, 308]);

const maxRetryAfterMs = 30_000;

/** Returns the failure of a request whose answer is neither a success nor an expected 404. */
export function failureOf(answer: EngineAnswer, subject: RequestSubject): Failure {
  const { status } = answer;
  const document = parseErrorDocument(answer.body);
  const code = document?.code ?? "";
  const says = `the object store answers ${[status, code].join(" ").trim()}${quoted(document)}`;
  const make = (
    attempt: RemoteAttempt,
    reason: ErrorReason,
    hint: string,
    more: { readonly retry?: boolean; readonly renew?: boolean; readonly why?: string } = {},
  ): Failure => ({
    attempt,
    error: errorOf(reason, subject, more.why ?? says, hint, { status: String(status), code }),
    retry: more.retry ?? false,
    mayBeApplied: status === 408 || status >= 500,
    renew: more.renew ?? false,
    retryAfterMs: retryAfterOf(answer),
  });
  if (damagedCodes.has(code)) {
    const hint = "The bytes changed or were cut off on the way: check the network and proxies";
    return make("failed", "REMOTE_DATA_INVALID", hint, { retry: true });
  }
  if (code === "RequestTimeTooSkewed") {
    return make("refused", "REMOTE_REFUSED", "Set this node's clock", { why: skewText(answer) });
  }
  if (credentialCodes.has(code)) {
    const hint = hints[code] ?? "Check the credentials";
    return make("refused", "REMOTE_REFUSED", hint, { renew: true });
  }
  if (status === 503 || status === 429 || code === "SlowDown") {
    const hint = "It is overloaded, or limits this client: try later, or lower max_requests";
    return make("throttled", "REMOTE_UNREACHABLE", hint, { retry: true });
  }
  if (retriedStatuses.has(status) || code === "OperationAborted") {
    const hint = "See the log of the object store, and try again";
    return make("failed", "REMOTE_UNREACHABLE", hint, { retry: true });
  }
  if (redirects.has(status))
    return make("refused", "REMOTE_REFUSED", redirectHint(answer, document));
  const region = answer.headers["x-amz-bucket-region"] ?? document?.region;
  if (code === "AuthorizationHeaderMalformed" && typeof region === "string") {
    return make("refused", "REMOTE_REFUSED", `Set region = "${shown(region)}"`);
  }
  return make("refused", "REMOTE_REFUSED", hints[code] ?? defaultHint(status, code, subject));
}

/** Returns the failure of a request without a usable answer. */
export function brokenFailure(broken: Broken, subject: RequestSubject): Failure {
  const { attempt, why, cause } = broken;
  const base = { attempt, mayBeApplied: broken.connected, renew: false, retryAfterMs: 0 };
  if (attempt === "invalid") {
    const text = `the answer of the object store is not usable: ${why}`;
    return { ...base, error: invalidError(subject, text, cause), retry: true };
  }
  const certificate = certificateHint(cause);
  const hint = certificate ?? `Check that ${subject.endpoint} can be reached from this node`;
  const error = errorOf("REMOTE_UNREACHABLE", subject, why, hint, {}, cause);
  return { ...base, error, retry: certificate === undefined && attempt !== "cancelled" };
}

/** Returns the failure of a request whose answer does not have the requested content. */
export function invalidFailure(subject: RequestSubject, why: string, cause?: unknown): Failure {
  const error = invalidError(subject, why, cause);
  const base = { attempt: "invalid", error, retry: true } as const;
  return { ...base, mayBeApplied: true, renew: false, retryAfterMs: 0 };
}

export function missingError(subject: RequestSubject): StoreError {
  const why = "the bucket has no such object";
  return errorOf("REMOTE_COPY_MISSING", subject, why, "It was deleted, or never stored", {});
}

function invalidError(subject: RequestSubject, why: string, cause: unknown): StoreError {
  const hint = "Check the object store, and any proxy or cache in front of it";
  return errorOf("REMOTE_DATA_INVALID", subject, why, hint, {}, cause);
}

function errorOf(
  reason: ErrorReason,
  subject: RequestSubject,
  why: string,
  hint: string,
  metadata: Readonly<Record<string, string>>,
  cause?: unknown,
): StoreError {
  const { remote, kind, key, bucket } = subject;
  const what = kind === "list" ? `list of ${key === "" ? "all keys" : key}` : `${kind} of ${key}`;
  const given = Object.entries(metadata).filter(([, value]) => value !== "");
  return new StoreError(reason, `remote ${remote}, bucket ${bucket}, ${what}: ${why}`, {
    hint,
    resource: { type: "remote", name: remote },
    metadata: {
      remote,
      key,
      ...(reason === "REMOTE_REFUSED" ? { action: actions[kind] } : {}),
      ...Object.fromEntries(given),
    },
    ...(cause === undefined ? {} : { cause }),
  });
}

function defaultHint(status: number, code: string, { kind, bucket }: RequestSubject): string {
  const action = actions[kind];
  if (status === 401 || status === 403) {
    const missing =
      kind === "get" || kind === "head" ? ", and s3:ListBucket to tell a missing key" : "";
    return `Allow these credentials ${action} on the bucket ${bucket}${missing}`;
  }
  if (status === 404 && code === "")
    return "Check endpoint and bucket: something else than an object store answers";
  if (status === 507) return "The object store is full";
  return "See the documentation of the object store for this error";
}

function redirectHint(answer: EngineAnswer, document: ErrorDocument | undefined): string {
  const region = answer.headers["x-amz-bucket-region"] ?? document?.region;
  if (typeof region === "string" && region !== "") {
    return `The bucket is in another region: set region = "${shown(region)}" and its endpoint`;
  }
  const place = document?.endpoint ?? answer.headers.location;
  const where = place === undefined || place === "" ? "" : `, for example ${shown(place)}`;
  return `Redirects are not followed: set endpoint to the place that has the bucket${where}`;
}

function skewText(answer: EngineAnswer): string {
  const theirs = Date.parse(answer.headers.date ?? "");
  if (Number.isNaN(theirs)) return "this node's clock differs too much from the object store's";
  const differs = Math.round((Date.now() - theirs) / 1000);
  const direction = differs < 0 ? "behind" : "ahead of";
  return `this node's clock is ${Math.abs(differs)} s ${direction} the object store's`;
}

/** Returns the beginning of the message. The message comes from outside, so it may be long. */
function quoted(document: ErrorDocument | undefined): string {
  const text = shown(document?.message ?? "");
  return text === "" ? "" : ` (${text})`;
}

function shown(text: string): string {
  // Control characters must not reach a terminal.
  return text
    .replace(/\p{Cc}+/gu, " ")
    .trim()
    .slice(0, 200);
}

/**
 * Returns the hint for a TLS certificate that is not accepted. A retry would get the same
 * certificate.
 */
function certificateHint(cause: unknown): string | undefined {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return "The endpoint's certificate has another name: check endpoint and force_path_style";
  }
  if (/CERT|LEAF_SIGNATURE|ISSUER/.test(code)) {
    return "The endpoint's certificate is not accepted: set ca to its certificate authorities";
  }
  return undefined;
}

function retryAfterOf({ headers }: EngineAnswer): number {
  const seconds = Number(headers["retry-after"] ?? 0);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, maxRetryAfterMs) : 0;
}
