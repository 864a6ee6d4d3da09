// Maintains the record of an upload, from the reservation of its name to a ready snapshot.
import type { SnapshotConfig } from "../model/config.js";
import type { Snapshot, SnapshotFile } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { setCharge } from "./charges.js";
import { writeFiles, writeLabels, writePins } from "./details.js";
import { holderOf, requireIdFree, requireNameFree } from "./names.js";
import { noSuchIdError, requireListed, requireSnapshot, withId } from "./records.js";
import { addRequest, finishRequest } from "./requests.js";
import { configColumns, sizeColumns } from "./rows.js";
import { sql } from "./sql.js";
import { applyUpdate } from "./update.js";

export interface NewUpload {
  readonly id: string;
  /**
   * The configuration, whose name is reserved from now on. `id` replaces the configuration's id.
   */
  readonly config: SnapshotConfig;
  readonly createdAt: Date;
  /** The call that started the upload, for example `create`. */
  readonly kind: string;
  /** True if the snapshot may take the name of a ready snapshot when it becomes ready. */
  readonly replace?: boolean;
  readonly protected?: boolean;
  readonly requestId?: string;
  /** Two requests with the same id must have the same fingerprint. */
  readonly fingerprint?: string;
}

interface Publication {
  readonly config: SnapshotConfig;
  /** The time when the snapshot became visible. Listings use this order. */
  readonly createdAt: Date;
  readonly files: readonly SnapshotFile[];
  /** See model/charge.ts. */
  readonly chargedBytes: number;
  /** Empty until the digest is computed. */
  readonly digest: string;
  /** The digest of the parent, if the snapshot was made as a delta and its parent had a digest. */
  readonly parentDigest?: string | undefined;
  /** If it is undefined, the snapshot does not expire. */
  readonly expireTime?: Date | undefined;
  /** If true, the name moves from a ready snapshot that has it. */
  readonly replace: boolean;
  /** With `replace`, the old snapshot stays, without a name. Default: false. */
  readonly takeName?: boolean;
  /** Returns whether a replaced snapshot still has readers that need its directory. */
  readonly keepReplaced: (id: string) => boolean;
}

interface Published {
  readonly snapshot: Snapshot;
  /** The snapshot that had the name before and does not stay, and its new state. */
  readonly replaced?: { readonly id: string; readonly state: "deleting" | "replaced" };
  /** Id of the snapshot that lost its name and stays. Its manifest is dirty. */
  readonly nameless?: string;
}

export interface Uploads {
  /**
   * Records an upload and reserves its name. Throws SNAPSHOT_NAME_TAKEN or SNAPSHOT_ID_TAKEN if the
   * name or the id is taken, and REQUEST_ID_REUSED if another request has used the request id.
   * Throws OPERATION_IN_PROGRESS if the first call with the request id is running, or if `replace`
   * is set and a running upload has reserved the name.
   */
  insertPending(upload: NewUpload): void;
  /**
   * Replaces the configuration with one that arrived later, and reserves the name in it instead.
   */
  updatePending(id: string, change: { config: SnapshotConfig; replace?: boolean }): void;
  /** Makes the snapshot visible and moves the name to it, in one transaction. */
  markReady(id: string, publication: Publication): Published;
  /** Discards the reservation and its request id. Leaves a row in any other state unchanged. */
  abandonPending(id: string): void;
}

export function createUploads(context: CatalogContext): Uploads {
  const { connection } = context;
  return {
    insertPending: (upload) => {
      connection.write("cannot record the upload", () => {
        insertPending(context, upload);
      });
    },
    updatePending: (id, { config, replace = false }) => {
      connection.write("cannot record the configuration", () => {
        reconfigure(context, withId(config, id), replace);
      });
    },
    markReady: (id, publication) =>
      connection.write("cannot record the snapshot", () => publish(context, id, publication)),
    abandonPending: (id) => {
      connection.write("cannot drop the upload", () => {
        if (connection.run(sql.deletePending, { id }) > 0)
          connection.run(sql.abandonRequest, { id });
      });
    },
  };
}

function insertPending(context: CatalogContext, upload: NewUpload): void {
  const { connection } = context;
  const { id, replace = false, createdAt } = upload;
  const config = withId(upload.config, id);
  requireIdFree(connection, id);
  requireNameFree(connection, config.name, { id, replace });
  connection.run(sql.insertSnapshot, {
    ...configColumns(config),
    state: "pending",
    kind: upload.kind,
    created_at: createdAt.getTime(),
    last_accessed_at: createdAt.getTime(),
    used_ms: 0,
    size_bytes: 0,
    allocated_bytes: 0,
    digest: "",
    parent_digest: "",
    protected: upload.protected === true ? 1 : 0,
    corrupt: 0,
    revision: 1,
    manifest_dirty: 0,
    expires_at: null,
  });
  writePins(connection, config);
  if (upload.requestId !== undefined) {
    addRequest(context, {
      requestId: upload.requestId,
      kind: upload.kind,
      fingerprint: upload.fingerprint ?? "",
      snapshotId: id,
    });
  }
}

function reconfigure(
  { connection }: CatalogContext,
  config: SnapshotConfig,
  replace: boolean,
): void {
  requireNameFree(connection, config.name, { id: config.id, replace });
  if (connection.run(sql.setConfig, configColumns(config)) === 0) throw noSuchIdError(config.id);
  writePins(connection, config);
}

function publish(context: CatalogContext, id: string, publication: Publication): Published {
  const { connection } = context;
  const config = withId(publication.config, id);
  reconfigure(context, config, publication.replace);
  // The old snapshot loses the name first, because the index forbids two ready snapshots with one
  // name.
  const displaced = publication.replace ? displace(context, config, publication) : {};
  const createdAtMs = publication.createdAt.getTime();
  const changed = connection.run(sql.setReady, {
    id,
    created_at: createdAtMs,
    used_ms: context.storeClock.nextStamp(),
    digest: publication.digest,
    expires_at: publication.expireTime?.getTime() ?? null,
    parent_digest: publication.parentDigest ?? "",
    ...sizeColumns(id, publication.files),
  });
  if (changed === 0) throw noSuchIdError(id);
  setCharge(context, id, { name: config.name, bytes: publication.chargedBytes });
  writeFiles(connection, id, publication.files);
  writeLabels(connection, config, createdAtMs);
  finishRequest(context, id);
  context.storeClock.save();
  context.events.record("created", requireListed(context, id));
  const snapshot = requireSnapshot(context, id);
  return { snapshot, ...displaced };
}

function displace(
  context: CatalogContext,
  config: SnapshotConfig,
  { keepReplaced, takeName = false }: Publication,
): Omit<Published, "snapshot"> {
  const { connection } = context;
  const holder = holderOf(connection, config.name, "ready");
  if (holder === undefined) return {};
  const { id } = holder;
  if (takeName) {
    applyUpdate(context, id, { name: "" });
    return { nameless: id };
  }
  context.events.record("deleted", requireListed(context, id), { replacedBy: config.id });
  const state = keepReplaced(id) ? "replaced" : "deleting";
  connection.run(sql.deleteLabels, { id });
  if (state === "replaced") {
    // The pins of the replaced snapshot stay, because a VM that runs from its directory still needs
    // the image.
    connection.run(sql.setReplaced, { id });
  } else {
    connection.run(sql.deletePins, { id });
    connection.run(sql.setDeleting, { id });
  }
  return { replaced: { id, state } };
}
