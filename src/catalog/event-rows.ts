// Converts snapshots to the JSON text of events, and rows to events. An event stores a copy of the
// snapshot, because the snapshot itself changes and may be deleted.
import { StoreError } from "../base/errors.js";
import { emptyConfig, noUnknownKeys, type SnapshotConfig } from "../model/config.js";
import type { Snapshot, SnapshotState } from "../model/snapshot.js";
import type { CatalogEvent, CatalogEventType, PreviousValues } from "./event.js";

export interface EventRow {
  readonly sequence: number;
  readonly mark: string;
  readonly type: CatalogEventType;
  readonly occurred_at: number;
  readonly snapshot_id: string;
  readonly replaced_by: string;
  readonly previous: string;
  readonly snapshot: string;
}

/** Keys are never renamed, because an older version may have written the row. */
interface SnapshotText {
  readonly config: Partial<SnapshotConfig>;
  readonly state: SnapshotState;
  readonly createdAt: number;
  readonly lastAccessedAt: number;
  readonly sizeBytes: number;
  readonly allocatedBytes: number;
  /** The charge, which is missing in events of older versions. */
  readonly chargedBytes?: number;
  readonly digest: string;
  /** Missing if the snapshot does not expire. */
  readonly expiresAtMs?: number;
  /** The digest of the parent, which is missing in events of older versions. */
  readonly parentDigest?: string;
  readonly protected: boolean;
  readonly corrupt: boolean;
  /**
   * True if the list of blob ids is too long for an event. `eventFromRow` then looks the ids up by
   * the id of the snapshot.
   */
  readonly lookUpBlobIds?: boolean;
}

/** Maximum bytes of a list of blob ids in an event. A list may have up to a mebibyte. */
const maxBlobIdBytes = 4096;

/**
 * Returns the text of an event. The text leaves out the files and the unknown keys of an envelope.
 * If the snapshot is gone, the text also leaves out the blob ids, which are no longer pinned,
 * because a deletion on a full disk has little room to write. Long lists of blob ids are looked up
 * when the event is read.
 */
export function eventText(snapshot: Snapshot, gone: boolean): string {
  const { config, files, createdAt, lastAccessedAt, expireTime, ...rest } = snapshot;
  void files;
  const blobIdBytes = config.imageBlobIds.reduce((sum, id) => sum + Buffer.byteLength(id), 0);
  const lookUp = !gone && blobIdBytes > maxBlobIdBytes;
  const imageBlobIds = gone || lookUp ? [] : config.imageBlobIds;
  return JSON.stringify({
    ...rest,
    ...(lookUp && { lookUpBlobIds: true }),
    config: { ...config, imageBlobIds, unknown: noUnknownKeys },
    createdAt: createdAt.getTime(),
    lastAccessedAt: lastAccessedAt.getTime(),
    ...(expireTime && { expiresAtMs: expireTime.getTime() }),
  } satisfies SnapshotText);
}

/**
 * Reads an event from its row. `blobIdsOf` returns the blob ids of a snapshot that still exists;
 * these ids never change.
 */
export function eventFromRow(
  row: EventRow,
  blobIdsOf: (id: string) => readonly string[],
): CatalogEvent {
  const text = parse(row, row.snapshot) as SnapshotText;
  const { config, createdAt, lastAccessedAt, expiresAtMs, lookUpBlobIds, ...rest } = text;
  const imageBlobIds = lookUpBlobIds === true ? blobIdsOf(row.snapshot_id) : config.imageBlobIds;
  return {
    sequence: row.sequence,
    mark: row.mark,
    type: row.type,
    occurredAt: new Date(row.occurred_at),
    replacedBy: row.replaced_by,
    previous: row.previous === "" ? undefined : (parse(row, row.previous) as PreviousValues),
    snapshot: {
      chargedBytes: rest.allocatedBytes,
      parentDigest: "",
      ...rest,
      config: { ...emptyConfig(), ...config, ...(imageBlobIds && { imageBlobIds }) },
      createdAt: new Date(createdAt),
      lastAccessedAt: new Date(lastAccessedAt),
      ...(expiresAtMs === undefined ? {} : { expireTime: new Date(expiresAtMs) }),
      files: [],
    },
  };
}

function parse(row: EventRow, text: string): object {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // Text that is not JSON leads to the error below, like JSON that is not an object.
  }
  throw new StoreError(
    "STORED_DATA_CORRUPT",
    `the catalog's event ${row.sequence} cannot be read`,
    { hint: "Restart the daemon: it checks the catalog, and rebuilds it if it is damaged" },
  );
}
