// How anything becomes a snapshot. One order of effects for Create, Import and their directory
// forms: reserve the name, stage the files, make them durable, publish, record, acknowledge.
import { createHash } from "node:crypto";
import { StoreError, isStoreError } from "../../base/errors.js";
import { exists } from "../../files/durable.js";
import { spaceBelow } from "../../files/leftovers.js";
import { manifestVersion, snapshotDigest, type Manifest } from "../../files/manifest.js";
import { openStaging, type Staging } from "../../files/staging.js";
import { catalogBytes, chargeOf, estimateCharge } from "../../model/charge.js";
import { checkConfig, checkRequestId, normalizeBlobIds } from "../../model/config-rules.js";
import type { SnapshotConfig } from "../../model/config.js";
import { newSnapshotId } from "../../model/name.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import type { StoreContext } from "../parts/context.js";
import { removeInBackground } from "../remove/removal.js";
import { openAllowance, type Allowance } from "../parts/space.js";

export type IntakeKind =
  "create" | "create-from-directory" | "import" | "import-from-directory" | "pull";

export interface IntakeRequest {
  readonly kind: IntakeKind;
  /** Configuration as the caller gave it; `id` is empty. */
  readonly config: SnapshotConfig;
  /** Empty, or a UUID that makes a retry safe. */
  readonly requestId: string;
  readonly onNameConflict: "fail" | "replace";
  readonly protected: boolean;
  /** Path of the message with the fields of `config`, for error messages. */
  readonly configField: string;
  /** Path of `requestId`, for error messages. Default: `request_id`. */
  readonly requestIdField?: string;
  /** What else makes two requests the same, for example the directory. */
  readonly source?: string;
}

/** What filling the staging area gave. */
export interface Filled {
  /** The configuration to store, which an envelope may have changed. */
  readonly config: SnapshotConfig;
  readonly files: readonly SnapshotFile[];
}

/** The part of an intake that fills it. */
export interface Intake {
  readonly id: string;
  readonly staging: Staging;
  /** For what is written into it. */
  readonly allowance: Allowance;
  /** Takes over a configuration that was learnt on the way, and reserves its name. */
  reconfigure(config: SnapshotConfig): Promise<SnapshotConfig>;
}

/**
 * Stores one snapshot. `fill` may be interrupted by `signal`; once it has returned, the caller
 * has committed and publication goes on whether or not the caller is still there.
 */
export async function takeIn(
  context: StoreContext,
  request: IntakeRequest,
  fill: (intake: Intake) => Promise<Filled>,
  signal: AbortSignal,
): Promise<Snapshot> {
  const requestId = checkRequestId(request.requestId, request.requestIdField ?? "request_id");
  const fingerprint = fingerprintOf(request);
  const earlier = earlierOutcome(context, requestId, fingerprint);
  if (earlier !== undefined) return earlier;
  signal.throwIfAborted();
  using allowance = openAllowance(context, signal);
  const leastBytes = estimateCharge(request.config, []);
  await allowance.wait(leastBytes);
  allowance.take(leastBytes);
  await context.commits.take();
  const meanwhile = earlierOutcome(context, requestId, fingerprint);
  if (meanwhile !== undefined) return meanwhile;
  if (request.config.imageBlobIds.length > 0) await context.collecting.waitUntilOpen(signal);
  const id = newSnapshotId();
  context.intakes.add(id);
  try {
    reserve(context, request, { id, requestId, fingerprint });
  } catch (error) {
    context.intakes.delete(id);
    throw error;
  }
  let leftToRecovery = false;
  try {
    await using staging = await openStaging(context.layout, id, context.writeWorkers);
    const filled = await fill({
      id,
      staging,
      allowance,
      reconfigure: async (config) => {
        allowance.take(catalogBytes(config, []));
        await context.commits.take();
        if (config.imageBlobIds.length > 0) await context.collecting.waitUntilOpen(signal);
        return reconfigure(context, request, id, config);
      },
    });
    const wholeBytes = estimateCharge(filled.config, filled.files);
    await allowance.waitWhole(wholeBytes);
    allowance.settle(wholeBytes);
    await context.collecting.waitUntilOpen(signal);
    const createdAt = context.catalog.nextCreation();
    context.root.check();
    await staging.publish(manifestOf(request, filled, createdAt));
    try {
      const chargedBytes = await measureCharge(context, filled);
      await context.commits.take();
      // A session may have begun while it was published.
      await context.collecting.waitUntilOpen(signal);
      allowance.settle(chargedBytes);
      const snapshot = record(context, request, { ...filled, createdAt, chargedBytes });
      // Now the catalog counts it.
      allowance[Symbol.dispose]();
      staging.settle();
      return snapshot;
    } catch (error) {
      if (commitUnknown(error)) staging.leaveToRecovery();
      throw error;
    }
  } catch (error) {
    leftToRecovery = commitUnknown(error);
    if (!leftToRecovery) await abandon(context, id);
    throw error;
  } finally {
    // Otherwise collections must not touch it either.
    if (!leftToRecovery) context.intakes.delete(id);
  }
}

function reserve(
  context: StoreContext,
  request: IntakeRequest,
  identity: { id: string; requestId: string | undefined; fingerprint: string },
): void {
  const config = normalize({ ...request.config, id: identity.id });
  checkConfig(config, request.configField);
  context.catalog.insertPending({
    id: identity.id,
    config,
    createdAt: context.clock.now(),
    kind: request.kind,
    replace: request.onNameConflict === "replace",
    protected: request.protected,
    ...(identity.requestId === undefined
      ? {}
      : { requestId: identity.requestId, fingerprint: identity.fingerprint }),
  });
}

function reconfigure(
  context: StoreContext,
  request: IntakeRequest,
  id: string,
  config: SnapshotConfig,
): SnapshotConfig {
  const normalized = normalize({ ...config, id });
  checkConfig(normalized, request.configField);
  context.catalog.updatePending(id, {
    config: normalized,
    replace: request.onNameConflict === "replace",
  });
  return normalized;
}

function normalize(config: SnapshotConfig): SnapshotConfig {
  return { ...config, imageBlobIds: normalizeBlobIds(config.imageBlobIds) };
}

function manifestOf(request: IntakeRequest, filled: Filled, createdAt: Date): Manifest {
  return {
    version: manifestVersion,
    id: filled.config.id,
    revision: 1,
    config: filled.config,
    createdAt,
    protected: request.protected,
    files: filled.files,
    digest: snapshotDigest(filled.files),
  };
}

/** What was published, with the block tables that are still to come. */
async function measureCharge({ layout }: StoreContext, { config, files }: Filled): Promise<number> {
  const measured = chargeOf(await spaceBelow(layout.dataDirectory(config.id)), config, files);
  const hashed = files.every(({ digest }) => digest !== "");
  return hashed ? measured : Math.max(measured, estimateCharge(config, files));
}

/** The transaction that makes it visible; everything before it can still be undone. */
function record(
  context: StoreContext,
  request: IntakeRequest,
  whole: Filled & { readonly createdAt: Date; readonly chargedBytes: number },
): Snapshot {
  const { snapshot, replaced } = context.catalog.markReady(whole.config.id, {
    ...whole,
    digest: snapshotDigest(whole.files),
    replace: request.onNameConflict === "replace",
    keepReplaced: (id) => context.leases.count(id, "directory") > 0,
  });
  if (replaced !== undefined) removeInBackground(context, replaced);
  return snapshot;
}

/** The disk failed during the commit: it may be there after a restart, or not. */
export function commitUnknown(error: unknown): boolean {
  return isStoreError(error) && error.metadata["commit"] === "unknown";
}

/** What was published and could not be taken back must stay pending, or a start would adopt it. */
async function abandon(context: StoreContext, id: string): Promise<void> {
  try {
    if (await exists(context.layout.dataDirectory(id))) return;
    await context.commits.take();
    context.catalog.abandonPending(id);
  } catch (error) {
    // The row stays pending and invisible; recovery drops it at the next start.
    context.logger.error({ err: error, id }, "could not drop the record of a failed upload");
  }
}

/** The snapshot that the first request with this id made, or undefined if there was none. */
function earlierOutcome(
  context: StoreContext,
  requestId: string | undefined,
  fingerprint: string,
): Snapshot | undefined {
  if (requestId === undefined) return undefined;
  const earlier = context.catalog.findRequest(requestId);
  if (earlier === undefined) return undefined;
  if (earlier.fingerprint !== fingerprint) {
    throw new StoreError(
      "REQUEST_ID_REUSED",
      `request_id ${requestId} was already used by a request with other contents`,
      { hint: "Use a new UUID for each new request", metadata: { request_id: requestId } },
    );
  }
  const snapshot = context.catalog.get(earlier.snapshotId);
  if (snapshot === undefined || snapshot.state === "deleting" || snapshot.state === "lost") {
    throw new StoreError(
      "SNAPSHOT_NOT_FOUND",
      `the snapshot ${earlier.snapshotId} that request_id ${requestId} made has been deleted since`,
      {
        hint: "Use a new request_id to store it again",
        resource: { type: "snapshot", name: earlier.snapshotId },
        metadata: { snapshot_id: earlier.snapshotId },
      },
    );
  }
  if (snapshot.state === "pending") {
    throw new StoreError(
      "OPERATION_IN_PROGRESS",
      `the first call with request_id ${requestId} is still running`,
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

function fingerprintOf(request: IntakeRequest): string {
  const { kind, config, onNameConflict, protected: isProtected, source } = request;
  const canonical = JSON.stringify(
    { kind, config, onNameConflict, isProtected, source },
    // Sorted keys: the order of a map on the wire means nothing.
    (_key, value: unknown) =>
      typeof value === "object" && value !== null && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
        : value,
  );
  return createHash("sha256").update(canonical).digest("hex");
}
