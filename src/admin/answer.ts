// Makes HTTP answers of the admin listener, with the headers that all answers share.
import type { ServerResponse } from "node:http";
import type { StoreError } from "../base/errors.js";

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer in pieces, until the reader or the daemon ends it. */
export interface StreamAnswer {
  readonly contentType: string;
  /** The pieces of the answer. The iteration must not throw. */
  readonly pieces: AsyncIterable<string>;
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/**
 * Pages of other origins must not frame or read an answer, and browsers must not guess its type.
 */
const commonHeaders = {
  "content-security-policy": policy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

export function setCommonHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(commonHeaders)) response.setHeader(name, value);
}

export function textAnswer(status: number, text: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${text}\n` };
}

export function jsonAnswer(value: unknown, status = 200): Answer {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}

const statusOfCode: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  OUT_OF_RANGE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  FAILED_PRECONDITION: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
};

export function errorAnswer(error: StoreError): Answer {
  const { reason, message, hint, retryAfterMs } = error;
  const status = statusOfCode[error.code] ?? 500;
  const body = { error: { reason, message, ...(hint === undefined ? {} : { hint }) } };
  return {
    ...jsonAnswer(body, status),
    headers: {
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="stasis"' } : {}),
      ...(retryAfterMs === undefined
        ? {}
        : { "retry-after": String(Math.ceil(retryAfterMs / 1000)) }),
    },
  };
}
