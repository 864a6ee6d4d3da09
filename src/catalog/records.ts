// Finds snapshots and their ids, by id, state, name or digest.
import { StoreError } from "../base/errors.js";
import type { SnapshotConfig } from "../model/config.js";
import type { Snapshot, SnapshotFile, SnapshotState } from "../model/snapshot.js";
import type { CatalogContext } from "./context.js";
import { snapshotFromRow, type FileRow, type SnapshotRow } from "./rows.js";
import { prefixRange } from "./name-range.js";
import { sql } from "./sql.js";

/** Describes whether the catalog has changes that the manifest on disk may not contain yet. */
export interface ManifestState {
  readonly snapshot: Snapshot;
  /** Grows with each change that belongs in the manifest. */
  readonly revision: number;
  /** True if the manifest on disk may be older than this revision. */
  readonly dirty: boolean;
}

/** An upload that has reserved its name. */
interface PendingUpload {
  readonly id: string;
  /** The reserved name, which may be empty. */
  readonly name: string;
  readonly kind: string;
  readonly startedAt: Date;
  readonly requestId?: string;
}

export interface Records {
  /** Returns a snapshot in any state, with its files. */
  get(id: string): Snapshot | undefined;
  files(id: string): readonly SnapshotFile[];
  manifestState(id: string): ManifestState | undefined;
  /** Returns the ids of the snapshots in `state`, in no particular order. */
  idsInState(state: SnapshotState): readonly string[];
  countInState(state: SnapshotState): number;
  /** Returns the number of ready snapshots that are marked as damaged. */
  countCorrupt(): number;
  /** Returns the number of ready snapshots that have a time of expiry. */
  countExpiring(): number;
  /** Returns the ids of the snapshots in `state` whose names begin with the prefix. */
  idsInStateWithName(state: SnapshotState, namePrefix: string): readonly string[];
  /** Returns the ids of all rows in ascending order, whatever their state. */
  allIds(): readonly string[];
  /** Returns the ids and revisions of the ready snapshots, in no particular order. */
  readyRevisions(): readonly { readonly id: string; readonly revision: number }[];
  /** Returns the id of the ready snapshot with this name. */
  idOfName(name: string): string | undefined;
  /** Returns the ids of the ready snapshots whose digest is still to be computed. */
  idsWithoutDigest(): readonly string[];
  /**
   * Returns the ids of at most `limit` ready snapshots with this digest. Without a prefix, all
   * names match.
   */
  idsWithDigest(digest: string, limit: number, namePrefix?: string): readonly string[];
  pendingUploads(): readonly PendingUpload[];
  /** Returns the ids of the snapshots whose manifest must be written again. */
  manifestDirtyIds(): readonly string[];
}

const idsPerStep = 1000;

export function createRecords(context: CatalogContext): Records {
  const { connection } = context;
  const idsOf = (rows: readonly { id: string }[]): string[] => rows.map((row) => row.id);
  return {
    get: (id) => getSnapshot(context, id),
    files: (id) => getSnapshot(context, id)?.files ?? [],
    manifestState: (id) => {
      const row = connection.one<SnapshotRow>(sql.snapshotById, { id });
      if (row === undefined) return undefined;
      const snapshot = snapshotOfRow(context, row);
      return { snapshot, revision: row.revision, dirty: row.manifest_dirty === 1 };
    },
    idsInState: (state) => idsOf(connection.all(sql.idsInState, { state })),
    countInState: (state) =>
      connection.one<{ count: number }>(sql.countInState, { state })?.count ?? 0,
    countCorrupt: () => connection.one<{ count: number }>(sql.countCorrupt)?.count ?? 0,
    countExpiring: () => connection.one<{ count: number }>(sql.countExpiring)?.count ?? 0,
    idsInStateWithName: (state, namePrefix) =>
      idsOf(connection.all(sql.idsInStateWithName, { state, ...prefixRange(namePrefix) })),
    allIds: () => idsOf([...walkRows(context)]),
    readyRevisions: () => connection.all(sql.readyRevisions),
    idOfName: (name) =>
      connection.one<{ id: string }>(sql.snapshotByName, { state: "ready", name })?.id,
    idsWithoutDigest: () => idsOf(connection.all(sql.undigestedIds)),
    idsWithDigest: (digest, limit, namePrefix = "") =>
      idsOf(connection.all(sql.idsWithDigest, { digest, limit, ...prefixRange(namePrefix) })),
    pendingUploads: () => connection.all<PendingRow>(sql.pendingUploads).map(pendingFromRow),
    manifestDirtyIds: () => idsOf(connection.all(sql.dirtyManifests)),
  };
}

function getSnapshot(context: CatalogContext, id: string): Snapshot | undefined {
  const row = context.connection.one<SnapshotRow>(sql.snapshotById, { id });
  return row === undefined ? undefined : snapshotOfRow(context, row);
}

/**
 * Returns a snapshot that must exist, in any state, with its files. Throws SNAPSHOT_NOT_FOUND if it
 * does not exist.
 */
export function requireSnapshot(context: CatalogContext, id: string): Snapshot {
  const snapshot = getSnapshot(context, id);
  if (snapshot === undefined) throw noSuchIdError(id);
  return snapshot;
}

/** Returns a snapshot in any state as listings show it, without its files. */
export function getListed(context: CatalogContext, id: string): Snapshot | undefined {
  const row = context.connection.one<SnapshotRow>(sql.snapshotById, { id });
  if (row === undefined) return undefined;
  return snapshotFromRow(row, [], context.accesses.unwrittenAccess(id));
}

/** Returns a snapshot that the transaction has already seen, as listings show it. */
export function requireListed(context: CatalogContext, id: string): Snapshot {
  const snapshot = getListed(context, id);
  if (snapshot === undefined) throw noSuchIdError(id);
  return snapshot;
}

export function noSuchIdError(id: string): StoreError {
  return new StoreError("SNAPSHOT_NOT_FOUND", `there is no snapshot with the id ${id}`, {
    hint: "It may have been deleted meanwhile; `stasis ls` shows what is there",
    resource: { type: "snapshot", name: id },
    metadata: { snapshot_id: id },
  });
}

/**
 * Returns the configuration with the row's id, because configurations are compared and stored under
 * that id, whatever id they contain.
 */
export function withId(config: SnapshotConfig, id: string): SnapshotConfig {
  return config.id === id ? config : { ...config, id };
}

interface WalkedRow {
  readonly id: string;
  readonly state: SnapshotState;
  readonly size_bytes: number;
  readonly allocated_bytes: number;
  readonly charged_bytes: number;
}

/** Yields all rows in the order of their ids, in short reads along the primary key. */
export function* walkRows({ connection }: CatalogContext): Iterable<WalkedRow> {
  let after = "";
  for (;;) {
    const rows = connection.all<WalkedRow>(sql.idsAfter, { after, limit: idsPerStep });
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

interface PendingRow {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly created_at: number;
  readonly request_id: string | null;
}

function pendingFromRow(row: PendingRow): PendingUpload {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    startedAt: new Date(row.created_at),
    ...(row.request_id === null ? {} : { requestId: row.request_id }),
  };
}

/** Converts a row to a snapshot. Throws STORED_DATA_CORRUPT if the configuration cannot be read. */
export function snapshotOfRow(
  { connection, accesses }: CatalogContext,
  row: SnapshotRow,
): Snapshot {
  const files = connection.all<FileRow>(sql.filesOf, { id: row.id });
  return snapshotFromRow(row, files, accesses.unwrittenAccess(row.id));
}
