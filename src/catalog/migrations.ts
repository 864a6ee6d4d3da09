// Defines the schema of the catalog, step by step. Never edit a step that was released.
import { formatUnsupported } from "../model/format.js";
import type { Database } from "./sqlite.js";

interface Migration {
  /** The value of PRAGMA user_version after this step. */
  readonly version: number;
  readonly sql: string;
}

/**
 * Times are milliseconds since 1970, sizes are bytes, booleans are 0 or 1. `snapshots.config`
 * stores, as JSON, the fields that have no column. `snapshot_labels` has rows for ready snapshots
 * only and repeats their immutable `created_at`, so that a page of a label is one walk along its
 * primary key. Triggers keep `totals` equal to the ready snapshots.
 */
const version1 = `
CREATE TABLE store_info (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  node_id TEXT NOT NULL
) STRICT;
INSERT INTO store_info VALUES (1, lower(hex(randomblob(8))));

CREATE TABLE snapshots (
  id TEXT NOT NULL PRIMARY KEY CHECK (id <> ''),
  state TEXT NOT NULL CHECK (state IN ('pending', 'ready', 'replaced', 'deleting', 'lost')),
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  last_accessed_at INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  allocated_bytes INTEGER NOT NULL CHECK (allocated_bytes >= 0),
  digest TEXT NOT NULL,
  protected INTEGER NOT NULL CHECK (protected IN (0, 1)),
  corrupt INTEGER NOT NULL CHECK (corrupt IN (0, 1)),
  revision INTEGER NOT NULL CHECK (revision > 0),
  manifest_dirty INTEGER NOT NULL CHECK (manifest_dirty IN (0, 1)),
  image TEXT NOT NULL,
  image_digest TEXT NOT NULL,
  hypervisor TEXT NOT NULL,
  description TEXT NOT NULL,
  config TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX ready_name ON snapshots (name) WHERE state = 'ready' AND name <> '';
CREATE UNIQUE INDEX pending_name ON snapshots (name) WHERE state = 'pending' AND name <> '';
CREATE INDEX by_state_name ON snapshots (state, name, created_at, id);
CREATE INDEX ready_by_age ON snapshots (created_at, id) WHERE state = 'ready';
CREATE INDEX ready_by_image ON snapshots (image, created_at, id) WHERE state = 'ready';
CREATE INDEX ready_by_image_digest ON snapshots (image_digest, created_at, id)
  WHERE state = 'ready';
CREATE INDEX ready_by_hypervisor ON snapshots (hypervisor, created_at, id) WHERE state = 'ready';
CREATE INDEX ready_by_protected ON snapshots (protected, created_at, id) WHERE state = 'ready';
CREATE INDEX ready_undigested ON snapshots (digest, id) WHERE state = 'ready' AND digest = '';
CREATE INDEX dirty_manifests ON snapshots (manifest_dirty, id, revision) WHERE manifest_dirty = 1;

CREATE TABLE snapshot_files (
  snapshot_id TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  size_bytes INTEGER NOT NULL CHECK (size_bytes >= 0),
  allocated_bytes INTEGER NOT NULL CHECK (allocated_bytes >= 0),
  mode INTEGER NOT NULL,
  digest TEXT NOT NULL,
  PRIMARY KEY (snapshot_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE snapshot_labels (
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  snapshot_id TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  PRIMARY KEY (key, value, created_at, snapshot_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_snapshot ON snapshot_labels (snapshot_id);

CREATE TABLE pins (
  blob_id TEXT NOT NULL,
  snapshot_id TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  PRIMARY KEY (blob_id, snapshot_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX pins_by_snapshot ON pins (snapshot_id);

-- Outlives the snapshot, therefore without a foreign key.
CREATE TABLE requests (
  request_id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  snapshot_id TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  finished_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_snapshot ON requests (snapshot_id);
CREATE INDEX requests_by_end ON requests (finished_at) WHERE finished_at IS NOT NULL;

CREATE TABLE totals (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  ready_count INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL,
  allocated_bytes INTEGER NOT NULL
) STRICT;
INSERT INTO totals VALUES (1, 0, 0, 0);
CREATE TRIGGER totals_after_insert AFTER INSERT ON snapshots WHEN new.state = 'ready'
BEGIN
  UPDATE totals SET ready_count = ready_count + 1,
    size_bytes = size_bytes + new.size_bytes,
    allocated_bytes = allocated_bytes + new.allocated_bytes
  WHERE singleton = 1;
END;
CREATE TRIGGER totals_after_delete AFTER DELETE ON snapshots WHEN old.state = 'ready'
BEGIN
  UPDATE totals SET ready_count = ready_count - 1,
    size_bytes = size_bytes - old.size_bytes,
    allocated_bytes = allocated_bytes - old.allocated_bytes
  WHERE singleton = 1;
END;
CREATE TRIGGER totals_after_update AFTER UPDATE OF state, size_bytes, allocated_bytes ON snapshots
WHEN new.state = 'ready' OR old.state = 'ready'
BEGIN
  UPDATE totals SET
    ready_count = ready_count + (new.state = 'ready') - (old.state = 'ready'),
    size_bytes = size_bytes + new.size_bytes * (new.state = 'ready')
      - old.size_bytes * (old.state = 'ready'),
    allocated_bytes = allocated_bytes + new.allocated_bytes * (new.state = 'ready')
      - old.allocated_bytes * (old.state = 'ready')
  WHERE singleton = 1;
END;
`;

/**
 * `events` records each visible change in the transaction of the change. `sequence` has no gaps:
 * rows that are missing before the oldest one were trimmed. `mark` is random. It distinguishes an
 * event from one with the same sequence in another history of this catalog (an older copy that was
 * restored). `previous` stores, as JSON, the earlier values that a watcher's filter needs.
 * `end_bytes` counts the bytes of all `snapshot` texts up to this row, so that the difference
 * between two rows is the size of the texts between them.
 */
const version2 = `
CREATE TABLE events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  mark TEXT NOT NULL,
  type TEXT NOT NULL,
  occurred_at INTEGER NOT NULL,
  snapshot_id TEXT NOT NULL,
  replaced_by TEXT NOT NULL,
  previous TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  end_bytes INTEGER NOT NULL
) STRICT;
`;

/** The newest row is the only session that may be open. The state of that session is in memory. */
const version3 = `
CREATE TABLE gc_sessions (
  epoch INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  owner TEXT NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;
`;

/**
 * Adds an index by digest, because peers request snapshots by digest and pulls look here for them.
 */
const version4 = `
DROP INDEX ready_undigested;
CREATE INDEX ready_by_digest ON snapshots (digest, id) WHERE state = 'ready';
`;

/**
 * Changes only the version. Builds that do not look at store.json (files/store-format.ts) refuse a
 * schema above 4, with a clear message and before recovery.
 */
const version5 = "";

/**
 * `used_ms` is the last use in elapsed time (model/elapsed.ts). From this step on,
 * `requests.finished_at` uses elapsed time too. Elapsed time begins with the value of the wall
 * clock, and a stamp from a clock that was ahead must not exceed it. `store_clock` has no row if
 * nothing is known: in a new catalog, or if the newest access is in the future.
 */
const version6 = `
ALTER TABLE snapshots ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;
UPDATE snapshots SET used_ms =
  min(last_accessed_at, CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER));
CREATE TABLE store_clock (
  singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
  elapsed_ms INTEGER NOT NULL,
  wall_ms INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  since_boot_ms INTEGER NOT NULL,
  off_times TEXT NOT NULL,
  doubt TEXT NOT NULL
) STRICT;
INSERT INTO store_clock
  SELECT 1, newest, newest, '', 0, '[]', ''
  FROM (SELECT max(last_accessed_at) AS newest FROM snapshots)
  WHERE newest < unixepoch('now', 'subsec') * 1000;
`;

/**
 * `charged_bytes` is the number that quotas count (model/charge.ts), from publication until the
 * snapshot is lost or its row is deleted. `charged_name` is the name whose prefix is charged; a
 * replaced snapshot has lost that name. Existing rows get an estimated charge. The catalog stores
 * each blob id once, however many snapshots pin it. `blobs` contains the pinned ids.
 */
const version7 = `
ALTER TABLE snapshots ADD COLUMN charged_bytes INTEGER NOT NULL DEFAULT 0
  CHECK (charged_bytes >= 0);
ALTER TABLE snapshots ADD COLUMN charged_name TEXT NOT NULL DEFAULT '';
UPDATE snapshots SET charged_name = name,
  charged_bytes = allocated_bytes + 32768 + 6 * length(config)
    + 10240 * (SELECT count(*) FROM snapshot_files f WHERE f.snapshot_id = snapshots.id)
  WHERE state IN ('ready', 'replaced', 'deleting');
CREATE INDEX by_charged_name ON snapshots (charged_name, charged_bytes);

ALTER TABLE totals ADD COLUMN charged_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE totals SET charged_bytes = (SELECT coalesce(sum(charged_bytes), 0) FROM snapshots);
CREATE TRIGGER charges_after_insert AFTER INSERT ON snapshots WHEN new.charged_bytes <> 0
BEGIN
  UPDATE totals SET charged_bytes = charged_bytes + new.charged_bytes WHERE singleton = 1;
END;
CREATE TRIGGER charges_after_delete AFTER DELETE ON snapshots WHEN old.charged_bytes <> 0
BEGIN
  UPDATE totals SET charged_bytes = charged_bytes - old.charged_bytes WHERE singleton = 1;
END;
CREATE TRIGGER charges_after_update AFTER UPDATE OF charged_bytes ON snapshots
BEGIN
  UPDATE totals SET charged_bytes = charged_bytes + new.charged_bytes - old.charged_bytes
  WHERE singleton = 1;
END;

CREATE TABLE blobs (
  blob INTEGER PRIMARY KEY,
  blob_id TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO blobs (blob_id) SELECT DISTINCT blob_id FROM pins;
ALTER TABLE pins RENAME TO old_pins;
CREATE TABLE pins (
  snapshot_id TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  blob INTEGER NOT NULL REFERENCES blobs (blob),
  PRIMARY KEY (snapshot_id, blob)
) STRICT, WITHOUT ROWID;
INSERT INTO pins SELECT o.snapshot_id, b.blob FROM old_pins o JOIN blobs b USING (blob_id);
DROP TABLE old_pins;
CREATE INDEX pins_by_blob ON pins (blob);
CREATE TRIGGER blobs_after_unpin AFTER DELETE ON pins
WHEN NOT EXISTS (SELECT 1 FROM pins WHERE blob = old.blob)
BEGIN
  DELETE FROM blobs WHERE blob = old.blob;
END;
`;

/**
 * Stores the files that clones link to, as they were before the first link. `inode` and `mtime_ns`
 * are decimal text, because they may exceed 63 bits.
 */
const version8 = `
CREATE TABLE linked_files (
  snapshot_id TEXT NOT NULL REFERENCES snapshots (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  inode TEXT NOT NULL,
  mtime_ns TEXT NOT NULL,
  uid INTEGER NOT NULL,
  PRIMARY KEY (snapshot_id, name)
) STRICT, WITHOUT ROWID;
`;

/** Adds an index of damaged snapshots, which is small because few snapshots are damaged. */
const version9 = `
CREATE INDEX ready_corrupt ON snapshots (corrupt, created_at, id)
  WHERE state = 'ready' AND corrupt = 1;
`;

/**
 * Stores the snapshots whose files move out of the store (TakeToDirectory). A row with `finished =
 * 0` is an intent, which the next start completes or discards. `answer` is the JSON that a repeated
 * request receives although the snapshot is gone, so there is no foreign key. `directory` is for
 * people.
 */
const version10 = `
CREATE TABLE takes (
  snapshot_id TEXT NOT NULL PRIMARY KEY,
  directory TEXT NOT NULL,
  answer TEXT NOT NULL,
  finished INTEGER NOT NULL CHECK (finished IN (0, 1))
) STRICT, WITHOUT ROWID;
CREATE INDEX unfinished_takes ON takes (snapshot_id) WHERE finished = 0;
`;

/**
 * `expires_at` is null for snapshots that do not expire. Usually few expire, and the index has only
 * those.
 */
const version11 = `
ALTER TABLE snapshots ADD COLUMN expires_at INTEGER;
CREATE INDEX ready_expiring ON snapshots (created_at, id)
  WHERE state = 'ready' AND expires_at IS NOT NULL;
`;

/** `parent_digest` is the digest of the snapshot that a delta was made from, or empty. */
const version12 = `
ALTER TABLE snapshots ADD COLUMN parent_digest TEXT NOT NULL DEFAULT '';
`;

/**
 * Stores the copies at remotes that automatic pushes have made. A copy may outlive its snapshot, so
 * there is no foreign key.
 */
const version13 = `
CREATE TABLE remote_copies (
  repository TEXT NOT NULL,
  snapshot_id TEXT NOT NULL,
  name TEXT NOT NULL,
  lineage TEXT NOT NULL,
  remote_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('begun', 'pushed', 'found')),
  PRIMARY KEY (repository, snapshot_id, name)
) STRICT, WITHOUT ROWID;
`;

export const migrations: readonly Migration[] = [
  { version: 1, sql: version1 },
  { version: 2, sql: version2 },
  { version: 3, sql: version3 },
  { version: 4, sql: version4 },
  { version: 5, sql: version5 },
  { version: 6, sql: version6 },
  { version: 7, sql: version7 },
  { version: 8, sql: version8 },
  { version: 9, sql: version9 },
  { version: 10, sql: version10 },
  { version: 11, sql: version11 },
  { version: 12, sql: version12 },
  { version: 13, sql: version13 },
];

/** The version that this program writes. */
export const newestSchema = migrations.at(-1)?.version ?? 0;

/**
 * Migrates the schema to the newest version. Each step happens completely or not at all. Returns
 * false if there was nothing to do.
 */
export function migrate(database: Database, steps: readonly Migration[] = migrations): boolean {
  const found = requireKnownSchema(database, steps.at(-1)?.version ?? 0);
  const missing = steps.filter(({ version }) => version > found);
  for (const { version, sql } of missing) {
    const step = database.transaction(() => {
      database.exec(sql);
      database.pragma(`user_version = ${version}`);
    });
    step.immediate();
  }
  return missing.length > 0;
}

/**
 * Returns the version of the file. Throws FORMAT_UNSUPPORTED if the version is newer than `newest`.
 */
export function requireKnownSchema(database: Database, newest = newestSchema): number {
  const found = database.pragma("user_version", { simple: true }) as number;
  if (found > newest) {
    throw formatUnsupported(`the schema of the catalog ${database.name}`, found, newest, {
      file: database.name,
    });
  }
  return found;
}
