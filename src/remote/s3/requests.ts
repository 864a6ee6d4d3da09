// Sends requests to one bucket: signs and counts them, keeps them within the limits, and retries
// them after failures that may be temporary. bucket.ts decides what an answer means.
import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { createRateLimit, type RateLimit } from "../../base/rate-limit.js";
import { isStoreError, type StoreError } from "../../base/errors.js";
import { kib } from "../../base/sizes.js";
import type { ConfiguredRemote } from "../../config/remotes.js";
import type { RemoteObserver, RemoteRequestKind } from "../../observe/ports.js";
import type { CredentialSource } from "./credentials.js";
import {
  exchange,
  openConnections,
  type EngineAnswer,
  type AnswerHead,
  type Broken,
  type EndpointConnections,
} from "./exchange.js";
import { brokenFailure, type Failure, type RequestSubject } from "./failures.js";
import { createHedging, firstGood, maxHedgedBytes, type Hedging } from "./hedging.js";
import type { Payload } from "./payload.js";
import { createRequestSlots, type RequestSlots } from "./request-slots.js";
import { emptySha256, signedHeaders } from "./sign.js";

/** Times and numbers of attempts. Tests use shorter times. */
export interface RequestTiming {
  /** An attempt fails if it sends and receives no byte for this long. */
  readonly idleMs: number;
  /** An attempt may last this long, plus the time that its bytes take at `minBytesPerSecond`. */
  readonly baseMs: number;
  readonly minBytesPerSecond: number;
  /** The pause before the next attempt is random, from 0 to this bound, which doubles each time. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
  readonly maxAttempts: number;
}

export const defaultTiming: RequestTiming = {
  idleMs: 30_000,
  baseMs: 60_000,
  minBytesPerSecond: 64 * kib,
  firstPauseMs: 100,
  maxPauseMs: 10_000,
  maxAttempts: 6,
};

interface RequestSpec<T> {
  readonly kind: RemoteRequestKind;
  readonly method: "PUT" | "GET" | "HEAD" | "DELETE";
  /** The key below the prefix of the remote, for messages. */
  readonly key: string;
  /** Path and query, percent-encoded, without the bucket. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly payload?: Payload;
  /** The number of bytes that the answer should have, as far as it is known. */
  readonly expectedBytes: number;
  readonly maxBodyBytes: number;
  /**
   * If this is set and a failed request may have taken effect, the request is not sent again, and
   * `value` is the result.
   */
  readonly whenUnknown?: { readonly value: T };
  /** Implements `unusable` of `Exchange`. */
  readonly unusable?: (head: AnswerHead) => string | undefined;
  readonly judge: (answer: EngineAnswer, subject: RequestSubject) => RequestVerdict<T>;
}

export type RequestVerdict<T> = { readonly value: T; readonly missing?: boolean } | Failure;

export interface BucketRequests extends Disposable {
  readonly subject: Pick<RequestSubject, "remote" | "endpoint" | "bucket">;
  /**
   * Sends a request, and retries it after failures that may be temporary. Throws an error with one
   * of the reasons REMOTE_*, or the signal's reason.
   */
  send<T>(spec: RequestSpec<T>, observer: RemoteObserver, signal: AbortSignal): Promise<T>;
}

interface Shared {
  readonly remote: ConfiguredRemote;
  readonly subject: BucketRequests["subject"];
  readonly credentials: CredentialSource;
  readonly timing: RequestTiming;
  readonly connections: EndpointConnections;
  readonly slots: RequestSlots;
  readonly requestRate: RateLimit;
  readonly byteRate: RateLimit;
  readonly hedging: Hedging;
  /** The value of the header `host`. `pathStart` precedes the key in the path. */
  readonly host: string;
  readonly pathStart: string;
}

interface BucketRequestsOptions {
  readonly remote: ConfiguredRemote;
  readonly credentials: CredentialSource;
  readonly timing: RequestTiming;
  /** The certificate authorities in PEM. Undefined means the authorities of Node. */
  readonly ca: string | undefined;
}

const clock = { monotonicMs: () => performance.now() };
/**
 * A request on an idle connection that the other end had closed does not count as an attempt. This
 * many such requests in a row are repeated.
 */
const maxStale = 3;

export function createBucketRequests({
  remote,
  credentials,
  timing,
  ca,
}: BucketRequestsOptions): BucketRequests {
  const { protocol, host } = new URL(remote.endpoint);
  const ownHost = remote.forcePathStyle ? host : `${remote.bucket}.${host}`;
  const origin = `${protocol}//${ownHost}`;
  const connections = openConnections({ origin, maxConnections: remote.maxRequests, ca });
  const subject = { remote: remote.name, endpoint: remote.endpoint, bucket: remote.bucket };
  const shared: Shared = {
    ...{ remote, subject, credentials, timing, connections, host: ownHost },
    pathStart: remote.forcePathStyle ? `/${remote.bucket}` : "",
    slots: createRequestSlots(remote.maxRequests),
    requestRate: createRateLimit(remote.maxRequestsPerSecond, clock),
    byteRate: createRateLimit(remote.limitBytesPerSecond, clock),
    hedging: createHedging(),
  };
  return {
    subject,
    async send(spec, observer, signal) {
      // Many requests may share a signal, which would exceed the default number of listeners. Each
      // request removes its listener when it ends.
      setMaxListeners(0, signal);
      const startedMs = performance.now();
      const ended = (outcome: string): void => {
        const seconds = (performance.now() - startedMs) / 1000;
        observer.requested(remote.name, spec.kind, outcome, seconds);
      };
      try {
        const value = await untilAnswered(shared, spec, observer, signal);
        ended("OK");
        return value;
      } catch (error) {
        ended(isStoreError(error) ? error.reason : "CALL_CANCELLED");
        throw error;
      }
    },
    [Symbol.dispose]: () => connections[Symbol.dispose](),
  };
}

async function untilAnswered<T>(
  shared: Shared,
  spec: RequestSpec<T>,
  observer: RemoteObserver,
  signal: AbortSignal,
): Promise<T> {
  const { timing, remote, credentials } = shared;
  let renewed = false;
  for (let attempt = 1; ; attempt += 1) {
    const verdict = await maybeTwice(shared, spec, observer, signal);
    if ("value" in verdict) return verdict.value;
    signal.throwIfAborted();
    if (spec.whenUnknown !== undefined && verdict.mayBeApplied) return spec.whenUnknown.value;
    const mayRenew = verdict.renew && !renewed;
    if ((!verdict.retry && !mayRenew) || attempt >= timing.maxAttempts) {
      throw withAttempts(verdict.error, attempt);
    }
    observer.retried(remote.name, spec.kind);
    if (mayRenew) {
      renewed = true;
      credentials.renew();
    } else {
      await pause(attempt, verdict.retryAfterMs, timing, signal);
    }
  }
}

function withAttempts(error: StoreError, attempts: number): StoreError {
  if (attempts > 1) Object.assign(error.metadata, { attempts: String(attempts) });
  return error;
}

/**
 * Waits before a retry. The random part keeps clients that failed together from retrying together.
 */
async function pause(
  attempt: number,
  atLeastMs: number,
  { firstPauseMs, maxPauseMs }: RequestTiming,
  signal: AbortSignal,
): Promise<void> {
  const bound = Math.min(maxPauseMs, firstPauseMs * 2 ** (attempt - 1));
  await delay(atLeastMs + Math.random() * bound, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}

/** Sends a request. If a GET is slow, sends a second one beside it. */
async function maybeTwice<T>(
  shared: Shared,
  spec: RequestSpec<T>,
  observer: RemoteObserver,
  signal: AbortSignal,
): Promise<RequestVerdict<T>> {
  const { hedging, slots, remote } = shared;
  const size = spec.expectedBytes;
  const isHedgeable = spec.kind === "get" && size > 0 && size <= maxHedgedBytes;
  if (isHedgeable) hedging.count();
  const delayMs = isHedgeable ? hedging.delayMs(size) : undefined;
  if (delayMs === undefined) return once(shared, spec, observer, signal, () => undefined);
  const { result, second } = await firstGood(
    {
      start: (stop, begun) => once(shared, spec, observer, stop, begun),
      startSecond: (stop) => {
        if (!slots.tryAcquire()) return undefined;
        if (hedging.take()) return inSlot(shared, spec, observer, stop, () => undefined);
        slots.release();
        return undefined;
      },
      isGood: (verdict) => "value" in verdict,
    },
    delayMs,
    signal,
  );
  if (second !== undefined) observer.hedged(remote.name, second === "won");
  return result;
}

async function once<T>(
  shared: Shared,
  spec: RequestSpec<T>,
  observer: RemoteObserver,
  signal: AbortSignal,
  begun: () => void,
): Promise<RequestVerdict<T>> {
  await shared.slots.acquire(signal);
  return inSlot(shared, spec, observer, signal, begun);
}

/** Sends a request in a slot, and releases the slot. `begun` is called when the request is sent. */
async function inSlot<T>(
  shared: Shared,
  spec: RequestSpec<T>,
  observer: RemoteObserver,
  signal: AbortSignal,
  begun: () => void,
): Promise<RequestVerdict<T>> {
  const { remote, subject, hedging, requestRate, byteRate, slots } = shared;
  const size = spec.payload?.sizeBytes ?? spec.expectedBytes;
  try {
    await requestRate.take(1, signal);
    await byteRate.take(size, signal);
    const startedMs = performance.now();
    begun();
    const answer = await exchangeFresh(shared, spec, size, signal);
    const about: RequestSubject = { ...subject, kind: spec.kind, key: spec.key };
    const verdict = "why" in answer ? brokenFailure(answer, about) : spec.judge(answer, about);
    const received = "why" in answer ? answer.receivedBytes : answer.body.length;
    const bytes = { sent: answer.sentBytes, received };
    const isGood = "value" in verdict;
    observer.attempted(
      remote.name,
      spec.kind,
      isGood ? goodAttempt(verdict) : verdict.attempt,
      bytes,
    );
    if (isGood && spec.kind === "get") hedging.took(size, performance.now() - startedMs);
    return verdict;
  } finally {
    slots.release();
  }
}

function goodAttempt({ missing = false }: { readonly missing?: boolean }): "ok" | "missing" {
  return missing ? "missing" : "ok";
}

/**
 * Performs the exchange. A connection that the other end had closed while it was idle is replaced
 * at once.
 */
async function exchangeFresh<T>(
  shared: Shared,
  spec: RequestSpec<T>,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<EngineAnswer | Broken> {
  const { timing, connections, credentials, remote, host, pathStart } = shared;
  const { method, payload, maxBodyBytes } = spec;
  const path = `${pathStart}${spec.path}`;
  for (let stale = 0; ; stale += 1) {
    const headers = { host, "x-amz-content-sha256": emptySha256, ...spec.headers };
    const known = await credentials.current(signal);
    const answer = await exchange(
      connections,
      {
        ...{ method, path, payload, maxBodyBytes, idleMs: timing.idleMs },
        headers: signedHeaders({ method, path, headers }, remote.region, known),
        unusable: spec.unusable ?? (() => undefined),
        deadlineMs: timing.baseMs + (sizeBytes / timing.minBytesPerSecond) * 1000,
      },
      signal,
    );
    const mayRepeat = "why" in answer && answer.wasStale && spec.whenUnknown === undefined;
    if (!mayRepeat || stale >= maxStale) return answer;
  }
}
