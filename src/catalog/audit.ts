// Compares the record of each snapshot with the rest of the catalog.
import { isStoreError } from "../base/errors.js";
import type { Snapshot, SnapshotFile, SnapshotState } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { writeLabels, writePins } from "./details.js";
import { getListed, noSuchIdError, requireSnapshot, snapshotOfRow } from "./records.js";
import { sizeColumns, type SnapshotRow } from "./rows.js";
import { sql } from "./sql.js";
import { sumRows, totalsProblems } from "./totals.js";

export interface AuditedRow {
  readonly id: string;
  readonly state: SnapshotState;
  readonly name: string;
  readonly revision: number;
  /** True if the manifest on disk may be older than the record. */
  readonly dirty: boolean;
  /** Undefined if the snapshot's configuration cannot be read. */
  readonly snapshot: Snapshot | undefined;
  /** Problems of this record and of the rows that belong to it, in words. */
  readonly problems: readonly string[];
}

/** Problems of the catalog as a whole, in words. Empty if there are none. */
interface AuditedFile {
  /** SQLite's report. If it is not empty, no row can be trusted or even read. */
  readonly file: readonly string[];
  readonly totals: readonly string[];
}

export interface Audit {
  /** Checks the catalog as a whole, which reads the whole file. */
  auditFile(): AuditedFile;
  auditRow(id: string): AuditedRow | undefined;
  /** Rebuilds the totals, and the rows that `auditRow` reports. */
  rewriteRows(id: string): void;
  /** Computes the totals from all rows, and replaces the recorded totals. */
  rewriteTotals(): void;
}

export function createAudit(context: CatalogContext): Audit {
  const { connection } = context;
  return {
    auditFile: () => {
      const file = connection.quickCheck();
      return { file, totals: file.length > 0 ? [] : totalsProblems(context) };
    },
    auditRow: (id) => auditRow(context, id),
    rewriteRows: (id) => {
      connection.write("cannot rewrite the rows", () => {
        rewriteRows(context, id);
        rewriteTotals(context);
      });
    },
    rewriteTotals: () => {
      connection.write("cannot rewrite the totals", () => {
        rewriteTotals(context);
      });
    },
  };
}

function auditRow(context: CatalogContext, id: string): AuditedRow | undefined {
  const row = context.connection.one<SnapshotRow>(sql.snapshotById, { id });
  if (row === undefined) return undefined;
  const { state, name, revision } = row;
  const facts = { id, state, name, revision, dirty: row.manifest_dirty === 1 };
  let snapshot: Snapshot;
  try {
    snapshot = snapshotOfRow(context, row);
  } catch (error) {
    if (!isStoreError(error, "STORED_DATA_CORRUPT")) throw error;
    return { ...facts, snapshot: undefined, problems: [error.message] };
  }
  const problems = [
    ...labelProblems(context, snapshot),
    ...pinProblems(context, snapshot),
    ...sizeProblems(snapshot),
  ];
  return { ...facts, snapshot, problems };
}

interface LabelRow {
  readonly key: string;
  readonly value: string;
  readonly created_at: number;
}

/**
 * Returns the problems of the label rows. Listings by label rely on the rule that ready snapshots
 * have label rows, and other snapshots have no such rows.
 */
function labelProblems({ connection }: CatalogContext, snapshot: Snapshot): string[] {
  const { config, state, createdAt } = snapshot;
  const found = connection.all<LabelRow>(sql.labelsOf, { id: config.id });
  const text = ({ key, value, created_at }: LabelRow): string =>
    JSON.stringify([key, value, created_at]);
  const expected = Object.entries(state === "ready" ? config.labels : {}).map(([key, value]) =>
    text({ key, value, created_at: createdAt.getTime() }),
  );
  return sameSet(found.map(text), expected) ? [] : ["its label rows differ from its labels"];
}

const pinningStates: ReadonlySet<SnapshotState> = new Set(["pending", "ready", "replaced"]);

function pinProblems({ connection }: CatalogContext, { config, state }: Snapshot): string[] {
  const found = connection.all<{ blob_id: string }>(sql.pinsOf, { id: config.id });
  const expected = pinningStates.has(state) ? config.imageBlobIds : [];
  const same = sameSet(
    found.map((row) => row.blob_id),
    expected,
  );
  return same ? [] : ["its pins differ from its image blobs"];
}

function sizeProblems({ files, sizeBytes, allocatedBytes, state }: Snapshot): string[] {
  if (state === "pending") return [];
  const sum = (size: (file: SnapshotFile) => number): number =>
    files.reduce((total, file) => total + size(file), 0);
  const same =
    sum((file) => file.sizeBytes) === sizeBytes &&
    sum((file) => file.allocatedBytes) === allocatedBytes;
  return same ? [] : ["its sizes differ from the sizes of its files"];
}

function sameSet(found: readonly string[], expected: readonly string[]): boolean {
  const wanted = new Set(expected);
  return found.length === wanted.size && found.every((text) => wanted.has(text));
}

function rewriteRows(context: CatalogContext, id: string): void {
  const { connection } = context;
  const snapshot = requireSnapshot(context, id);
  const { state, config, files, createdAt } = snapshot;
  writeLabels(connection, state === "ready" ? config : { id, labels: {} }, createdAt.getTime());
  writePins(connection, pinningStates.has(state) ? config : { id, imageBlobIds: [] });
  if (sizeProblems(snapshot).length === 0) return;
  if (connection.run(sql.setSizes, { id, ...sizeColumns(id, files) }) === 0)
    throw noSuchIdError(id);
  const listed = getListed(context, id);
  if (listed?.state === "ready") context.events.record("updated", listed);
}

function rewriteTotals(context: CatalogContext): void {
  const { count, sizeBytes, allocatedBytes, chargedBytes } = sumRows(context);
  context.connection.run(sql.setTotals, {
    count,
    size_bytes: sizeBytes,
    allocated_bytes: allocatedBytes,
    charged_bytes: chargedBytes,
  });
}
