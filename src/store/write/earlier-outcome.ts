// Finds what an earlier call with the same request id has stored.
import { StoreError } from "../../base/errors.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Fingerprint } from "../parts/fingerprint.js";
import type { Publisher } from "./publisher.js";

/**
 * Returns the snapshot that the first request with this id has stored, or undefined if this is the
 * first request.
 */
export function earlierOutcome(
  publisher: Publisher,
  requestId: string | undefined,
  fingerprint: Fingerprint,
): Snapshot | undefined {
  if (requestId === undefined) return undefined;
  const earlier = publisher.catalog.findRequest(requestId);
  if (earlier === undefined) return undefined;
  if (!fingerprint.matches(earlier.fingerprint)) {
    throw new StoreError(
      "REQUEST_ID_REUSED",
      `the request id ${requestId} was already used by a request with other contents`,
      { hint: "Use a new UUID for each new request", metadata: { request_id: requestId } },
    );
  }
  const snapshot = publisher.catalog.get(earlier.snapshotId);
  if (snapshot === undefined || snapshot.state === "deleting" || snapshot.state === "lost") {
    throw new StoreError(
      "SNAPSHOT_NOT_FOUND",
      `the snapshot ${earlier.snapshotId} that the request id ${requestId} made has been deleted since`,
      {
        hint: "Use a new request id to store it again",
        resource: { type: "snapshot", name: earlier.snapshotId },
        metadata: { snapshot_id: earlier.snapshotId },
      },
    );
  }
  if (snapshot.state === "pending") {
    throw new StoreError(
      "OPERATION_IN_PROGRESS",
      `the first call with the request id ${requestId} is still running`,
      {
        hint: "Try again when it has ended",
        resource: { type: "snapshot", name: earlier.snapshotId },
        metadata: { snapshot_id: earlier.snapshotId },
        retryAfterMs: 1000,
      },
    );
  }
  return snapshot;
}
