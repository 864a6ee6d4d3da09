// Makes the changes that a caller may request for a ready snapshot.
import { isDeepStrictEqual } from "node:util";
import { chargeGrowth } from "../model/charge.js";
import type { Snapshot } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { setCharge } from "./charges.js";
import { writeLabels } from "./details.js";
import { requireNameFree } from "./names.js";
import { noSuchIdError, requireSnapshot } from "./records.js";
import { configColumns, configFromRow, type SnapshotRow } from "./rows.js";
import { sql } from "./sql.js";

/** The changed values. Values without a key here stay unchanged. */
interface SnapshotChanges {
  readonly name?: string;
  readonly description?: string;
  /** All labels after the change. Labels that are missing here are deleted. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly protected?: boolean;
  /** Null means that the snapshot does not expire. */
  readonly expireTime?: Date | null;
}

export interface Updates {
  /** Changes a snapshot. Its revision grows by one, and its manifest becomes dirty. */
  update(id: string, changes: SnapshotChanges): Snapshot;
}

export function createUpdates(context: CatalogContext): Updates {
  return {
    update: (id, changes) =>
      context.connection.write("cannot record the change", () => applyUpdate(context, id, changes)),
  };
}

/** Applies the changes to a ready snapshot. Call this inside a transaction. */
export function applyUpdate(
  context: CatalogContext,
  id: string,
  changes: SnapshotChanges,
): Snapshot {
  const { connection } = context;
  const row = connection.one<SnapshotRow>(sql.snapshotById, { id });
  if (row?.state !== "ready") throw noSuchIdError(id);
  const old = configFromRow(row);
  const config = {
    ...old,
    name: changes.name ?? old.name,
    description: changes.description ?? old.description,
    labels: changes.labels ?? old.labels,
  };
  // A snapshot may keep its own name, although an upload may be about to replace it.
  if (config.name !== old.name) {
    requireNameFree(connection, config.name, { id, replace: false });
  }
  const wasProtected = row.protected === 1;
  const isProtected = changes.protected ?? wasProtected;
  const expiresAtMs =
    changes.expireTime === undefined ? row.expires_at : (changes.expireTime?.getTime() ?? null);
  const marks = { protected: isProtected ? 1 : 0, expires_at: expiresAtMs };
  connection.run(sql.setDescribed, { ...configColumns(config), ...marks });
  // A change of the configuration changes the size of the manifest and the catalog. The rest of the
  // charge is unchanged.
  const bytes = Math.max(0, row.charged_bytes + chargeGrowth(old, config));
  setCharge(context, id, { name: config.name, bytes });
  if (changes.labels !== undefined) writeLabels(connection, config, row.created_at);
  const snapshot = requireSnapshot(context, id);
  const before = [old, wasProtected, row.expires_at];
  if (!isDeepStrictEqual([config, isProtected, expiresAtMs], before)) {
    const wasMarked = { protected: wasProtected, expiresAtMs: row.expires_at };
    const previous = { name: old.name, labels: old.labels, ...wasMarked };
    const type = config.name === old.name ? "updated" : "renamed";
    context.events.record(type, snapshot, { previous });
  }
  return snapshot;
}
