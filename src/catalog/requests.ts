// Records request ids, so that the catalog knows which call made or took which snapshot, even after
// a restart.
import { StoreError } from "../base/errors.js";
import type { CatalogContext } from "./context.js";
import { sql } from "./sql.js";

interface KnownRequest {
  readonly requestId: string;
  readonly kind: string;
  readonly fingerprint: string;
  /**
   * The snapshot that the request makes or takes, or has made or taken. It may have been deleted
   * since then.
   */
  readonly snapshotId: string;
  readonly state: "running" | "finished";
  readonly startedAt: Date;
  /**
   * The end of the request, as a stamp of elapsed time (model/elapsed.ts). Missing while it runs.
   */
  readonly finishedMs?: number;
}

export interface Requests {
  findRequest(requestId: string): KnownRequest | undefined;
  /**
   * Forgets the requests that finished longer than `retentionMs` ago, with the answers of takes.
   * Returns the number of forgotten requests.
   */
  pruneRequests(retentionMs: number): number;
}

/**
 * Returns the id under which the catalog remembers the request of a caller that is confined to a
 * prefix. Requests of callers with another prefix, or without one, neither collide with this
 * request nor reveal it. A UUID has a fixed length, so the two parts cannot be confused.
 */
export function scopedRequestId(namePrefix: string, requestId: string): string {
  return namePrefix + requestId;
}

const uuidLength = 36;

interface RequestRow {
  readonly request_id: string;
  readonly kind: string;
  readonly fingerprint: string;
  readonly snapshot_id: string;
  readonly started_at: number;
  readonly finished_at: number | null;
}

export function createRequests(context: CatalogContext): Requests {
  return {
    findRequest: (requestId) => findRequest(context, requestId),
    pruneRequests: (retentionMs) =>
      context.connection.write("cannot forget old requests", () => {
        const before = context.storeClock.stampOfAge(retentionMs);
        context.connection.run(sql.pruneTakes, { before });
        return context.connection.run(sql.pruneRequests, { before });
      }),
  };
}

/**
 * Records a running request. Call this inside the transaction that inserts the upload, or the
 * intent of a take. Throws if the request id is known.
 */
export function addRequest(
  context: CatalogContext,
  request: Pick<KnownRequest, "requestId" | "kind" | "fingerprint" | "snapshotId">,
): void {
  const { connection, clock } = context;
  const { requestId, kind, fingerprint, snapshotId } = request;
  const earlier = findRequest(context, requestId);
  if (earlier !== undefined) throw usedError(earlier, request);
  connection.run(sql.insertRequest, {
    request_id: requestId,
    kind,
    fingerprint,
    id: snapshotId,
    started_at: clock.now().getTime(),
  });
}

/**
 * Records the end of a request. Call this inside the transaction that makes the snapshot ready or
 * deletes it. That transaction saves the store's clock too.
 */
export function finishRequest(
  { connection, storeClock }: CatalogContext,
  snapshotId: string,
): void {
  connection.run(sql.finishRequest, { id: snapshotId, finished_at: storeClock.elapsedMs() });
}

function findRequest({ connection }: CatalogContext, requestId: string): KnownRequest | undefined {
  const row = connection.one<RequestRow>(sql.requestById, { request_id: requestId });
  if (row === undefined) return undefined;
  return {
    requestId: row.request_id.slice(-uuidLength),
    kind: row.kind,
    fingerprint: row.fingerprint,
    snapshotId: row.snapshot_id,
    startedAt: new Date(row.started_at),
    ...(row.finished_at === null
      ? { state: "running" as const }
      : { state: "finished" as const, finishedMs: row.finished_at }),
  };
}

/** Returns the error for a caller that did not call findRequest first. */
function usedError(
  earlier: KnownRequest,
  request: Pick<KnownRequest, "kind" | "fingerprint">,
): StoreError {
  const metadata = { request_id: earlier.requestId, snapshot_id: earlier.snapshotId };
  const same = earlier.kind === request.kind && earlier.fingerprint === request.fingerprint;
  if (same && earlier.state === "running") {
    return new StoreError(
      "OPERATION_IN_PROGRESS",
      `the first call with the request id ${earlier.requestId} is still running`,
      { hint: "Try again when it has ended", metadata, retryAfterMs: 1000 },
    );
  }
  return new StoreError(
    "REQUEST_ID_REUSED",
    `the request id ${earlier.requestId} was already used for snapshot ${earlier.snapshotId}`,
    { hint: "Use a new UUID for each new request", metadata },
  );
}
