// Reads and writes the objects below one prefix of a bucket. This file sends only PUT, GET, HEAD,
// DELETE and LIST, and writes each object with a single PUT. It uses no ETags, conditional headers,
// multipart uploads or batch deletes. Of the times of the object store it uses only LastModified in
// a LIST, for the age of objects.
//
// If the object store fails, the error is REMOTE_UNREACHABLE, REMOTE_REFUSED, REMOTE_DATA_INVALID
// or REMOTE_COPY_MISSING. Unusable credentials throw FIELD_INVALID, an upload whose file is too
// short throws IO_FAILED, and an abort throws the signal's reason. After an error, a PUT or DELETE
// may have been applied, or may still be applied later. So callers do not reuse a key, except the
// fixed key of the format.
import { formatBytesApart, kib, mib } from "../../base/sizes.js";
import type { ConfiguredRemote } from "../../config/remotes.js";
import { endOf, type Extent } from "../../model/extent.js";
import { bothRemoteObservers, type RemoteObserver } from "../../observe/ports.js";
import type { CredentialSource } from "./credentials.js";
import type { EngineAnswer, AnswerHead } from "./exchange.js";
import {
  failureOf,
  invalidFailure,
  missingError,
  type Failure,
  type RequestSubject,
} from "./failures.js";
import { listObjects, type KeyListOptions, type ListedObject } from "./list-objects.js";
import { crc32Of, payloadOf, sha256Of, type Payload, type PutBody } from "./payload.js";
import {
  createBucketRequests,
  defaultTiming,
  type BucketRequests,
  type RequestTiming,
  type RequestVerdict,
} from "./requests.js";
import { unsignedPayload } from "./sign.js";
import { parseErrorDocument } from "./xml.js";

/** A bucket below the prefix of the remote. Keys consist of A-Z a-z 0-9 . _ - and slashes. */
export interface Bucket {
  /** Stores a whole object. The request is retried after failures that may be temporary. */
  put(key: string, body: PutBody, signal: AbortSignal): Promise<void>;
  /**
   * Stores a whole object, for keys that must not come back after a deletion. A request that may
   * have been applied is not sent again. Returns false if the key is burnt: the request was not
   * answered, and the object is not there. The object may still appear later, so the caller must
   * not use the key again.
   */
  putOnce(key: string, body: PutBody, signal: AbortSignal): Promise<boolean>;
  /**
   * Returns a whole object of at most `maxBytes`, or exactly the bytes of `range`, which must be
   * inside the object. Throws REMOTE_COPY_MISSING if there is no such object.
   */
  get(key: string, options: GetOptions): Promise<Buffer>;
  /**
   * Reads a long range in pieces of `pieceBytes`, default 4 MiB, each with a GET of its own. At
   * most two pieces are in memory.
   */
  getPieces(key: string, options: GetPiecesOptions): AsyncGenerator<Buffer, void, undefined>;
  /**
   * Returns the size of an object. Undefined if there is no such object. An answer to HEAD has no
   * body that could tell a missing object from a missing bucket or unknown credentials. So a GET of
   * one byte confirms that the object is missing.
   */
  head(key: string, signal: AbortSignal): Promise<ObjectHead | undefined>;
  /** Deletes an object. Succeeds if there is no such object. */
  delete(key: string, signal: AbortSignal): Promise<void>;
  /** Yields all objects whose keys begin with `prefix`, in the order of the object store. */
  list(prefix: string, options: KeyListOptions): AsyncGenerator<ListedObject, void, undefined>;
  /** Returns the same bucket, with the same connections, whose requests `observer` sees too. */
  observedBy(observer: RemoteObserver): Bucket;
}

interface GetOptions {
  readonly range?: Extent;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

interface GetPiecesOptions {
  readonly range: Extent;
  readonly pieceBytes?: number;
  readonly signal: AbortSignal;
}

interface ObjectHead {
  readonly sizeBytes: number;
}

/** How the object store knows that the bytes of a PUT arrived unchanged. */
type PayloadCheck =
  /** The SHA-256 of the bytes is signed. Every engine refuses other bytes. */
  | "sha256"
  /** A CRC-32 is in a header, and the engine must be known to check it. For https only. */
  | "crc32";

export interface BucketOptions {
  readonly remote: ConfiguredRemote;
  readonly observer: RemoteObserver;
  readonly credentials: CredentialSource;
  /** PEM of the certificate authorities. Default: those of Node. */
  readonly ca?: string | undefined;
  /** Called before the first PUT. Default: SHA-256. */
  readonly payloadCheck?: () => Promise<PayloadCheck>;
  readonly timing?: RequestTiming;
}

const defaultPieceBytes = 4 * mib;
/** Maximum size of an answer whose content is not used, such as an answer to PUT or DELETE. */
const maxIgnoredBytes = 64 * kib;
const keyPattern = /^(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]+$/;
/** Keys have at most 1024 bytes with the prefix of the remote, which has up to 512. */
const maxKeyLength = 512;

interface Context {
  readonly requests: BucketRequests;
  readonly observer: RemoteObserver;
  readonly prefix: string;
  readonly payloadCheck: () => Promise<PayloadCheck>;
}

/** Opens the bucket without a request. Disposing of the result closes the connections. */
export function openBucket(options: BucketOptions): Bucket & Disposable {
  const { remote, credentials, observer, ca, timing = defaultTiming, payloadCheck } = options;
  const requests = createBucketRequests({ remote, credentials, timing, ca });
  const bucket = bucketWith({
    ...{ requests, observer, prefix: remote.prefix },
    payloadCheck: payloadCheck ?? (async () => "sha256"),
  });
  return { ...bucket, [Symbol.dispose]: () => requests[Symbol.dispose]() };
}

function bucketWith(context: Context): Bucket {
  return {
    put: async (key, body, signal) => void (await put(context, key, payloadOf(body), signal)),
    putOnce: async (key, body, signal) => {
      const unknown = { value: "unknown" } as const;
      const outcome = await put(context, key, payloadOf(body), signal, unknown);
      return outcome === "stored" || (await head(context, key, signal)) !== undefined;
    },
    get: (key, options) => get(context, key, options),
    getPieces: (key, options) => getPieces(context, key, options),
    head: (key, signal) => head(context, key, signal),
    delete: (key, signal) => remove(context, key, signal),
    list: (prefix, options) => listObjects(context, prefix, options),
    observedBy: (other) =>
      bucketWith({ ...context, observer: bothRemoteObservers(context.observer, other) }),
  };
}

type PutOutcome = "stored" | "unknown";

async function put(
  { requests, observer, prefix, payloadCheck }: Context,
  key: string,
  payload: Payload,
  signal: AbortSignal,
  whenUnknown?: { readonly value: PutOutcome },
): Promise<PutOutcome> {
  const headers = await payloadHeaders(payload, await payloadCheck(), signal);
  return requests.send<PutOutcome>(
    {
      ...(whenUnknown === undefined ? {} : { whenUnknown }),
      ...{ kind: "put", method: "PUT", key, path: pathOf(prefix, key), payload, headers },
      ...{ expectedBytes: 0, maxBodyBytes: maxIgnoredBytes },
      judge: (answer, subject) =>
        answer.status === 200 ? { value: "stored" } : failureOf(answer, subject),
    },
    observer,
    signal,
  );
}

async function payloadHeaders(
  payload: Payload,
  check: PayloadCheck,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const length = { "content-length": String(payload.sizeBytes) };
  const type = { "content-type": "application/octet-stream" };
  if (check === "sha256") {
    return { ...length, ...type, "x-amz-content-sha256": await sha256Of(payload, signal) };
  }
  const sum = await crc32Of(payload, signal);
  const checked = { "x-amz-content-sha256": unsignedPayload, "x-amz-checksum-crc32": sum };
  return { ...length, ...type, ...checked };
}

function get(
  { requests, observer, prefix }: Context,
  key: string,
  { range, maxBytes, signal }: GetOptions,
): Promise<Buffer> {
  const wanted = range === undefined ? undefined : lastOf(range);
  const limit = range?.length ?? maxBytes;
  return requests.send<Buffer>(
    {
      ...{ kind: "get", method: "GET", key, path: pathOf(prefix, key) },
      ...(range === undefined || wanted === undefined
        ? {}
        : {
            headers: { range: `bytes=${range.offset}-${wanted}` },
            unusable: (answer: AnswerHead) => whyNotRange(answer, range),
          }),
      ...{ expectedBytes: range?.length ?? 0, maxBodyBytes: limit },
      judge: (answer, subject) => judgeGet(answer, subject, range),
    },
    observer,
    signal,
  );
}

function judgeGet(
  answer: EngineAnswer,
  subject: RequestSubject,
  range: Extent | undefined,
): RequestVerdict<Buffer> {
  const { status, body, headers } = answer;
  if (status === 404) return missingVerdict(answer, subject);
  if (status === 416) return invalidFailure(subject, "the object ends before the range");
  if (status !== (range === undefined ? 200 : 206)) return failureOf(answer, subject);
  const expected = range?.length ?? Number(headers["content-length"] ?? body.length);
  if (body.length === expected) return { value: body };
  const [had, wanted] = formatBytesApart(body.length, expected);
  const why = `the answer has ${had}; expected ${wanted}`;
  return invalidFailure(subject, why);
}

/**
 * Returns why the answer is not the range. This runs before the body is read, because a store that
 * ignores the range would send the whole object.
 */
function whyNotRange({ status, headers }: AnswerHead, range: Extent): string | undefined {
  if (status === 200) return "it has the whole object instead of the range";
  if (status !== 206) return undefined;
  const text = headers["content-range"] ?? "";
  const [, first, last] = /^bytes (\d+)-(\d+)\/(?:\d+|\*)$/.exec(text) ?? [];
  if (Number(first) === range.offset && Number(last) === lastOf(range)) return undefined;
  return `its Content-Range is "${text.slice(0, 64)}"; expected bytes ${range.offset}-${lastOf(range)}`;
}

function lastOf(range: Extent): number {
  return endOf(range) - 1;
}

/**
 * Returns the verdict on a 404. A 404 of something else, such as a proxy, says nothing about the
 * object.
 */
function missingVerdict(answer: EngineAnswer, subject: RequestSubject): Failure {
  if (!isNoSuchKey(answer)) return failureOf(answer, subject);
  const error = missingError(subject);
  const base = { attempt: "missing", error, retry: false } as const;
  return { ...base, mayBeApplied: false, renew: false, retryAfterMs: 0 };
}

function isNoSuchKey({ body }: EngineAnswer): boolean {
  return parseErrorDocument(body)?.code === "NoSuchKey";
}

/** Yields the pieces. Fetches each piece while the caller has the piece before it. */
async function* getPieces(
  context: Context,
  key: string,
  { range, pieceBytes = defaultPieceBytes, signal }: GetPiecesOptions,
): AsyncGenerator<Buffer, void, undefined> {
  const end = endOf(range);
  const stop = new AbortController();
  const abort = (): void => stop.abort(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", abort, { once: true });
  const fetch = (offset: number): Promise<Buffer> | undefined => {
    if (offset >= end) return undefined;
    const length = Math.min(pieceBytes, end - offset);
    const options = { range: { offset, length }, maxBytes: length, signal: stop.signal };
    const piece = get(context, key, options);
    // Without this handler, an error that the caller never receives would be an unhandled
    // rejection. A caller that requests the piece still receives its error.
    piece.catch(() => undefined);
    return piece;
  };
  try {
    let next = fetch(range.offset);
    for (let offset = range.offset; next !== undefined; offset += pieceBytes) {
      const piece = await next;
      next = fetch(offset + pieceBytes);
      yield piece;
    }
  } finally {
    signal.removeEventListener("abort", abort);
    stop.abort();
  }
}

async function head(
  context: Context,
  key: string,
  signal: AbortSignal,
): Promise<ObjectHead | undefined> {
  for (;;) {
    const found = await headOnce(context, key, signal);
    // The object may have been stored between the two requests.
    if (found !== undefined || (await isMissing(context, key, signal))) return found;
  }
}

function isMissing(
  { requests, observer, prefix }: Context,
  key: string,
  signal: AbortSignal,
): Promise<boolean> {
  return requests.send<boolean>(
    {
      ...{ kind: "get", method: "GET", key, path: pathOf(prefix, key) },
      headers: { range: "bytes=0-0" },
      unusable: ({ status }: AnswerHead) =>
        status === 200 ? "it has the whole object instead of the range" : undefined,
      ...{ expectedBytes: 0, maxBodyBytes: maxIgnoredBytes },
      judge: (answer, subject) => {
        const { status } = answer;
        // 416: the object is there, and empty.
        if (status === 206 || status === 416) return { value: false };
        if (status !== 404 || !isNoSuchKey(answer)) return failureOf(answer, subject);
        return { value: true, missing: true };
      },
    },
    observer,
    signal,
  );
}

function headOnce(
  { requests, observer, prefix }: Context,
  key: string,
  signal: AbortSignal,
): Promise<ObjectHead | undefined> {
  return requests.send<ObjectHead | undefined>(
    {
      ...{ kind: "head", method: "HEAD", key, path: pathOf(prefix, key) },
      ...{ expectedBytes: 0, maxBodyBytes: 0 },
      judge: (answer, subject) => {
        if (answer.status === 404) return { value: undefined, missing: true };
        if (answer.status !== 200) return failureOf(answer, subject);
        const sizeBytes = Number(answer.headers["content-length"] ?? Number.NaN);
        if (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0) return { value: { sizeBytes } };
        return invalidFailure(subject, "the answer has no Content-Length");
      },
    },
    observer,
    signal,
  );
}

function remove(
  { requests, observer, prefix }: Context,
  key: string,
  signal: AbortSignal,
): Promise<undefined> {
  return requests.send<undefined>(
    {
      ...{ kind: "delete", method: "DELETE", key, path: pathOf(prefix, key) },
      ...{ expectedBytes: 0, maxBodyBytes: maxIgnoredBytes },
      judge: (answer, subject) => {
        if (answer.status === 204 || answer.status === 200) return { value: undefined };
        const isGone = answer.status === 404 && isNoSuchKey(answer);
        if (isGone) return { value: undefined, missing: true };
        return failureOf(answer, subject);
      },
    },
    observer,
    signal,
  );
}

/** Returns the path of a key. All characters of a key stand for themselves in a URL. */
function pathOf(prefix: string, key: string): string {
  const valid = keyPattern.test(key) && !/(^|\/)\.\.?(\/|$)/.test(key);
  if (!valid || key.length > maxKeyLength) throw new Error(`no key of a remote: ${key}`);
  return `/${prefix}${key}`;
}
