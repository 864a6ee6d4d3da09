// Changes the records of existing snapshots: deletion, loss, damage, adoption, and digests that
// come later.
import type { SnapshotConfig } from "../model/config.js";
import { estimateCharge } from "../model/charge.js";
import type { Snapshot, SnapshotFile, SnapshotState } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { setCharge } from "./charges.js";
import { writeFiles, writeLabels, writePins } from "./details.js";
import type { CatalogEventType, PreviousValues } from "./event.js";
import { requireIdFree, requireNameFree } from "./names.js";
import { getListed, noSuchIdError, requireSnapshot } from "./records.js";
import { configColumns, sizeColumns } from "./rows.js";
import { sql } from "./sql.js";

/** A snapshot as its manifest describes it. */
export interface AdoptedSnapshot {
  readonly config: SnapshotConfig;
  readonly createdAt: Date;
  /** The time of the last access. Default: `createdAt`. */
  readonly lastAccessedAt?: Date;
  /**
   * The stamp of the last access. Default: the adoption counts as an access, because the time of
   * the last one is unknown.
   */
  readonly lastUsedMs?: number;
  readonly protected: boolean;
  /** If it is undefined, the snapshot does not expire. */
  readonly expireTime?: Date | undefined;
  readonly files: readonly SnapshotFile[];
  /** The bytes that quotas count. Default: an estimate. */
  readonly chargedBytes?: number;
  readonly digest: string;
  /** The digest of the snapshot that this one was made from as a delta, if there was one. */
  readonly parentDigest?: string;
  /** The revision of the manifest. */
  readonly revision: number;
}

/** The event of a removal. */
type RemovalType = Extract<CatalogEventType, "deleted" | "evicted" | "expired">;

export interface Lifecycle {
  /**
   * Tombstones all the snapshots. If one of them is neither ready nor replaced nor lost, this
   * throws and tombstones no snapshot. Tombstoned snapshots are invisible, their names are free and
   * their images are not pinned. Watchers receive an event of the type `as`, which is `deleted` by
   * default.
   */
  markDeleting(ids: readonly string[], options?: { readonly as?: RemovalType }): void;
  /**
   * Deletes the row of a snapshot, which is the last step of every deletion. The row may have any
   * state, and a missing row is not an error.
   */
  removeRow(id: string): void;
  /** Marks a snapshot as lost. Call this when its directory is missing. */
  markLost(id: string): void;
  /**
   * Records digests that were computed after publication. The snapshot's manifest becomes dirty.
   */
  setDigest(id: string, digest: string, files: readonly SnapshotFile[]): void;
  setCorrupt(id: string, corrupt: boolean): void;
  /**
   * Adds a snapshot that exists on disk to the catalog. Replaces a lost row with the same id and,
   * with `overwrite`, a row in any state.
   */
  insertReady(adopted: AdoptedSnapshot, options?: { readonly overwrite?: boolean }): Snapshot;
  /**
   * Records that the manifest is no longer dirty. Call this when the manifest of `revision` has
   * become durable. This has no effect if the catalog has a newer revision, which must still be
   * written.
   */
  clearManifestDirty(id: string, revision: number): void;
}

export function createLifecycle(context: CatalogContext): Lifecycle {
  const { connection, accesses } = context;
  return {
    markDeleting: (ids, { as = "deleted" } = {}) => {
      const unique = new Set(ids);
      connection.write("cannot record the removal", () => {
        for (const id of unique) markDeleting(context, id, as);
      });
      for (const id of unique) accesses.forgetAccess(id);
    },
    removeRow: (id) => {
      connection.write("cannot drop the record", () => {
        // An older copy of the catalog may still have the state ready for a snapshot that was
        // deleted since then. Its watchers receive the deletion here.
        recordIf(context, "deleted", id, ["ready", "lost"]);
        setCharge(context, id, { bytes: 0 });
        connection.run(sql.deleteSnapshot, { id });
      });
      accesses.forgetAccess(id);
    },
    markLost: (id) => {
      connection.write("cannot record the loss", () => {
        connection.run(sql.deleteLabels, { id });
        connection.run(sql.deletePins, { id });
        recordIf(context, "lost", id, ["ready"]);
        if (connection.run(sql.setLost, { id }) === 0) throw noSuchIdError(id);
        setCharge(context, id, { bytes: 0 });
      });
    },
    setDigest: (id, digest, files) => {
      connection.write("cannot record the digest", () => {
        const columns = { id, digest, ...sizeColumns(id, files) };
        if (connection.run(sql.setDigest, columns) === 0) throw noSuchIdError(id);
        writeFiles(connection, id, files);
        recordIf(context, "updated", id, ["ready"]);
      });
    },
    setCorrupt: (id, corrupt) => {
      connection.write("cannot record the damage", () => {
        const before = getListed(context, id);
        const changed = connection.run(sql.setCorrupt, { id, corrupt: corrupt ? 1 : 0 });
        if (changed === 0) throw noSuchIdError(id);
        if (before === undefined || before.corrupt === corrupt) return;
        const { name, labels } = before.config;
        const expiresAtMs = before.expireTime?.getTime() ?? null;
        const marks = { protected: before.protected, corrupt: before.corrupt, expiresAtMs };
        const previous = { name, labels, ...marks };
        recordIf(context, corrupt ? "corrupt" : "updated", id, ["ready"], previous);
      });
    },
    insertReady: (adopted, { overwrite = false } = {}) =>
      connection.write("cannot adopt the snapshot", () => adopt(context, adopted, overwrite)),
    clearManifestDirty: (id, revision) => {
      connection.write("cannot record the manifest", () =>
        connection.run(sql.clearDirty, { id, revision }),
      );
    },
  };
}

/** Records an event with the snapshot's current state, if that is one of `states`. */
function recordIf(
  context: CatalogContext,
  type: CatalogEventType,
  id: string,
  states: readonly SnapshotState[],
  previous?: PreviousValues,
): void {
  const snapshot = getListed(context, id);
  if (snapshot !== undefined && states.includes(snapshot.state)) {
    context.events.record(type, snapshot, { ...(previous && { previous }) });
  }
}

/** Tombstones one snapshot. Call this inside the transaction that deletes the snapshot. */
export function markDeleting(
  context: CatalogContext,
  id: string,
  type: RemovalType | "taken",
): void {
  const { connection } = context;
  // Watchers received the end of a replaced snapshot when it was replaced.
  recordIf(context, type, id, ["ready", "lost"]);
  connection.run(sql.deleteLabels, { id });
  connection.run(sql.deletePins, { id });
  if (connection.run(sql.setDeleting, { id }) === 0) throw noSuchIdError(id);
}

function adopt(context: CatalogContext, adopted: AdoptedSnapshot, overwrite: boolean): Snapshot {
  const { connection } = context;
  const { config, createdAt, lastAccessedAt = createdAt } = adopted;
  // All snapshots that are adopted together receive the same stamp, and the order of creation
  // decides among them.
  const { lastUsedMs = context.storeClock.elapsedMs() } = adopted;
  const { id } = config;
  const known = connection.one<{ state: string }>(sql.stateOfId, { id });
  if (known !== undefined && (overwrite || known.state === "lost")) {
    setCharge(context, id, { bytes: 0 });
    connection.run(sql.deleteSnapshot, { id });
  }
  requireIdFree(connection, id);
  requireNameFree(connection, config.name, { id, replace: false });
  connection.run(sql.insertSnapshot, {
    ...configColumns(config),
    ...sizeColumns(id, adopted.files),
    state: "ready",
    kind: "adopted",
    created_at: createdAt.getTime(),
    last_accessed_at: lastAccessedAt.getTime(),
    used_ms: lastUsedMs,
    digest: adopted.digest,
    parent_digest: adopted.parentDigest ?? "",
    protected: adopted.protected ? 1 : 0,
    corrupt: 0,
    revision: adopted.revision,
    manifest_dirty: 0,
    expires_at: adopted.expireTime?.getTime() ?? null,
  });
  const { chargedBytes = estimateCharge(config, adopted.files) } = adopted;
  setCharge(context, id, { name: config.name, bytes: chargedBytes });
  writeFiles(connection, id, adopted.files);
  writeLabels(connection, config, createdAt.getTime());
  writePins(connection, config);
  const snapshot = requireSnapshot(context, id);
  context.events.record(known?.state === "ready" ? "updated" : "created", snapshot);
  return snapshot;
}
