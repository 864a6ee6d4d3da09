// Contains every fixed statement of the catalog, so that a test can ask SQLite for each plan.
// list-sql.ts builds the statements of listings, and the test checks all of their shapes.

declare const registered: unique symbol;
/** SQL that the plan test covers. Only this file and list-sql.ts make it. */
export type Sql = string & { readonly [registered]: true };

/** Registers a statement for the plan test. Only sql.ts and list-sql.ts may call this. */
export function register(text: string): Sql {
  return text as Sql;
}

const snapshotColumns = `id, state, kind, name, created_at, last_accessed_at, used_ms, size_bytes,
  allocated_bytes, digest, parent_digest, protected, corrupt, revision, manifest_dirty, image,
  image_digest, hypervisor, description, config, expires_at`;

/** `group_value` is null for snapshots without the label. */
const gcColumns = `s.id, s.name, s.created_at, s.last_accessed_at, s.used_ms, s.charged_bytes,
  s.protected, s.expires_at, (SELECT l.value FROM snapshot_labels l WHERE l.snapshot_id = s.id AND l.key = :label)
    AS group_value`;

const outlineColumns = `s.id, s.name, s.created_at, s.last_accessed_at, s.size_bytes,
  s.charged_bytes, s.corrupt`;

const texts = {
  clock: `SELECT elapsed_ms, wall_ms, boot_id, since_boot_ms, off_times, doubt
    FROM store_clock WHERE singleton = 1`,
  saveClock: `INSERT OR REPLACE INTO store_clock VALUES (1, :elapsed_ms, :wall_ms, :boot_id, :since_boot_ms,
    :off_times, :doubt)`,
  newestCreation: `SELECT created_at FROM snapshots INDEXED BY ready_by_age
    WHERE state = 'ready' AND created_at >= :from ORDER BY created_at DESC LIMIT 1`,

  linkedFiles: `SELECT name, inode, mtime_ns, uid FROM linked_files WHERE snapshot_id = :id ORDER BY name`,
  idsWithLinks: `SELECT DISTINCT snapshot_id AS id FROM linked_files WHERE snapshot_id > ''`,
  deleteLinkedFiles: `DELETE FROM linked_files WHERE snapshot_id = :id`,
  insertLinkedFile: `INSERT INTO linked_files VALUES (:id, :name, :inode, :mtime_ns, :uid)`,

  remoteCopies: `SELECT snapshot_id, name, lineage, remote_id, created_at, state
    FROM remote_copies WHERE repository = :repository`,
  setRemoteCopy: `INSERT OR REPLACE INTO remote_copies VALUES (:repository, :snapshot_id, :name, :lineage,
    :remote_id, :created_at, :state)`,
  dropRemoteCopy: `DELETE FROM remote_copies
    WHERE repository = :repository AND snapshot_id = :snapshot_id AND name = :name`,

  insertTake: `INSERT OR REPLACE INTO takes VALUES (:id, :directory, :answer, 0)`,
  unfinishedTakes: `SELECT snapshot_id AS id, directory FROM takes
    WHERE finished = 0 AND snapshot_id > '' ORDER BY snapshot_id`,
  finishTake: `UPDATE takes SET finished = 1 WHERE snapshot_id = :id`,
  dropTake: `DELETE FROM takes WHERE snapshot_id = :id`,
  takeAnswer: `SELECT answer FROM takes WHERE snapshot_id = :id AND finished = 1`,
  takeRequest: `SELECT request_id FROM requests WHERE snapshot_id = :id AND kind = 'take'`,
  pruneTakes: `DELETE FROM takes WHERE snapshot_id IN
    (SELECT snapshot_id FROM requests WHERE finished_at < :before AND kind = 'take')`,

  nodeId: `SELECT node_id FROM store_info WHERE singleton = 1`,
  totals: `SELECT ready_count, size_bytes, allocated_bytes, charged_bytes FROM totals WHERE singleton = 1`,

  snapshotById: `SELECT ${snapshotColumns}, charged_bytes FROM snapshots WHERE id = :id`,
  stateOfId: `SELECT id, state FROM snapshots WHERE id = :id`,
  snapshotByName: `SELECT id, state FROM snapshots WHERE state = :state AND name = :name`,
  idsByPrefix: `SELECT id, name FROM snapshots
    WHERE id >= :prefix AND id < :prefixEnd AND instr(:states, state) > 0
    ORDER BY id LIMIT :limit`,
  // The plus makes SQLite walk along the ids: many names may have the prefix, but few ids match.
  namedIdsByPrefix: `SELECT id, name FROM snapshots
    WHERE id >= :prefix AND id < :prefixEnd AND instr(:states, state) > 0
    AND +name >= :namePrefix AND +name < :namePrefixEnd
    ORDER BY id LIMIT :limit`,
  nameOfId: `SELECT state, name FROM snapshots WHERE id = :id`,
  idsInStateWithName: `SELECT id FROM snapshots
    WHERE state = :state AND name >= :prefix AND name < :prefixEnd`,
  heldBytes: `SELECT coalesce(sum(charged_bytes), 0) AS bytes FROM snapshots
    WHERE state IN ('replaced', 'deleting')
    AND charged_name >= :prefix AND charged_name < :prefixEnd`,
  chargedBytesNamed: `SELECT coalesce(sum(charged_bytes), 0) AS bytes FROM snapshots
    WHERE charged_name >= :prefix AND charged_name < :prefixEnd`,
  chargeOfId: `SELECT charged_name, charged_bytes FROM snapshots WHERE id = :id`,
  setCharge: `UPDATE snapshots SET charged_name = :charged_name, charged_bytes = :charged_bytes
    WHERE id = :id`,
  idsInState: `SELECT id FROM snapshots WHERE state = :state`,
  countInState: `SELECT count(*) AS count FROM snapshots WHERE state = :state`,
  countCorrupt: `SELECT count(*) AS count FROM snapshots INDEXED BY ready_corrupt
    WHERE state = 'ready' AND corrupt = 1`,
  countExpiring: `SELECT count(*) AS count FROM snapshots INDEXED BY ready_expiring
    WHERE state = 'ready' AND expires_at IS NOT NULL AND created_at >= 0`,
  idsAfter: `SELECT id, state, size_bytes, allocated_bytes, charged_bytes FROM snapshots
    WHERE id > :after ORDER BY id LIMIT :limit`,
  readyRevisions: `SELECT id, revision FROM snapshots WHERE state = 'ready'`,
  undigestedIds: `SELECT id FROM snapshots WHERE state = 'ready' AND digest = '' ORDER BY id`,
  idsWithDigest: `SELECT id FROM snapshots WHERE state = 'ready' AND digest = :digest
    AND +name >= :prefix AND +name < :prefixEnd ORDER BY id LIMIT :limit`,
  pendingUploads: `SELECT s.id, s.name, s.kind, s.created_at, r.request_id
    FROM snapshots s LEFT JOIN requests r ON r.snapshot_id = s.id
    WHERE s.state = 'pending'`,
  dirtyManifests: `SELECT id, revision FROM snapshots WHERE manifest_dirty = 1 ORDER BY id`,

  insertSnapshot: `INSERT INTO snapshots (${snapshotColumns}) VALUES (:id, :state, :kind, :name,
    :created_at, :last_accessed_at, :used_ms, :size_bytes, :allocated_bytes, :digest,
    :parent_digest, :protected, :corrupt, :revision, :manifest_dirty, :image, :image_digest,
    :hypervisor, :description, :config, :expires_at)`,
  setConfig: `UPDATE snapshots SET name = :name, description = :description, image = :image,
    image_digest = :image_digest, hypervisor = :hypervisor, config = :config
    WHERE id = :id AND state = 'pending'`,
  setReady: `UPDATE snapshots SET state = 'ready', created_at = :created_at,
    last_accessed_at = :created_at, used_ms = :used_ms, size_bytes = :size_bytes,
    allocated_bytes = :allocated_bytes, digest = :digest, parent_digest = :parent_digest,
    expires_at = :expires_at WHERE id = :id AND state = 'pending'`,
  setSizes: `UPDATE snapshots SET size_bytes = :size_bytes, allocated_bytes = :allocated_bytes
    WHERE id = :id`,
  setTotals: `UPDATE totals SET ready_count = :count, size_bytes = :size_bytes,
    allocated_bytes = :allocated_bytes, charged_bytes = :charged_bytes WHERE singleton = 1`,
  setDigest: `UPDATE snapshots SET digest = :digest, size_bytes = :size_bytes,
    allocated_bytes = :allocated_bytes, revision = revision + 1, manifest_dirty = 1
    WHERE id = :id AND state IN ('ready', 'replaced')`,
  setCorrupt: `UPDATE snapshots SET corrupt = :corrupt
    WHERE id = :id AND state IN ('ready', 'replaced')`,
  setReplaced: `UPDATE snapshots SET state = 'replaced', name = '', revision = revision + 1,
    manifest_dirty = 1 WHERE id = :id AND state = 'ready'`,
  setDeleting: `UPDATE snapshots SET state = 'deleting', manifest_dirty = 0
    WHERE id = :id AND state IN ('ready', 'lost', 'replaced')`,
  setLost: `UPDATE snapshots SET state = 'lost', manifest_dirty = 0
    WHERE id = :id AND state IN ('ready', 'replaced')`,
  setDescribed: `UPDATE snapshots SET name = :name, description = :description, config = :config,
    protected = :protected, expires_at = :expires_at, revision = revision + 1, manifest_dirty = 1
    WHERE id = :id AND state = 'ready'`,
  clearDirty: `UPDATE snapshots SET manifest_dirty = 0 WHERE id = :id AND revision = :revision`,
  touch: `UPDATE snapshots SET last_accessed_at = max(last_accessed_at, :at),
    used_ms = max(used_ms, :used) WHERE id = :id`,
  deletePending: `DELETE FROM snapshots WHERE id = :id AND state = 'pending'`,
  deleteSnapshot: `DELETE FROM snapshots WHERE id = :id`,

  filesOf: `SELECT name, size_bytes, allocated_bytes, mode, digest FROM snapshot_files
    WHERE snapshot_id = :id ORDER BY name`,
  insertFile: `INSERT INTO snapshot_files VALUES (:id, :name, :size_bytes, :allocated_bytes,
    :mode, :digest)`,
  deleteFiles: `DELETE FROM snapshot_files WHERE snapshot_id = :id`,

  insertLabel: `INSERT INTO snapshot_labels VALUES (:key, :value, :created_at, :id)`,
  labelBeyond: `SELECT 1 FROM snapshot_labels WHERE key = :key AND value = :value
    LIMIT 1 OFFSET :offset`,
  labelsOf: `SELECT key, value, created_at FROM snapshot_labels WHERE snapshot_id = :id`,
  deleteLabels: `DELETE FROM snapshot_labels WHERE snapshot_id = :id`,

  insertBlob: `INSERT INTO blobs (blob_id) VALUES (:blob_id) ON CONFLICT DO NOTHING`,
  insertPin: `INSERT INTO pins SELECT :id, blob FROM blobs WHERE blob_id = :blob_id`,
  pinsOf: `SELECT b.blob_id FROM pins p JOIN blobs b ON b.blob = p.blob
    WHERE p.snapshot_id = :id`,
  deletePins: `DELETE FROM pins WHERE snapshot_id = :id`,
  nextPinnedBlob: `SELECT blob_id FROM blobs WHERE blob_id > :after ORDER BY blob_id LIMIT 1`,

  requestById: `SELECT request_id, kind, fingerprint, snapshot_id, started_at, finished_at
    FROM requests WHERE request_id = :request_id`,
  insertRequest: `INSERT INTO requests VALUES (:request_id, :kind, :fingerprint, :id,
    :started_at, NULL)`,
  finishRequest: `UPDATE requests SET finished_at = :finished_at
    WHERE snapshot_id = :id AND finished_at IS NULL`,
  abandonRequest: `DELETE FROM requests WHERE snapshot_id = :id AND finished_at IS NULL`,
  pruneRequests: `DELETE FROM requests WHERE finished_at < :before`,

  gcPage: `SELECT ${gcColumns} FROM snapshots s INDEXED BY ready_by_age
    WHERE s.state = 'ready' AND (s.created_at, s.id) < (:created_at, :id)
    ORDER BY s.created_at DESC, s.id DESC LIMIT :limit`,
  outlineByAge: `SELECT ${outlineColumns} FROM snapshots s INDEXED BY ready_by_age
    WHERE s.state = 'ready' AND (s.created_at, s.id) < (:created_at, :id)
    ORDER BY s.created_at DESC, s.id DESC LIMIT :limit`,
  outlineByName: `SELECT ${outlineColumns} FROM snapshots s INDEXED BY by_state_name
    WHERE s.state = 'ready' AND s.name >= :prefix AND s.name > :after AND s.name < :prefixEnd
    ORDER BY s.name LIMIT :limit`,
  outlineByLabel: `SELECT ${outlineColumns} FROM snapshot_labels l
    CROSS JOIN snapshots s ON s.id = l.snapshot_id
    WHERE l.key = :key AND l.value = :value AND (l.created_at, l.snapshot_id) < (:created_at, :id)
    ORDER BY l.created_at DESC, l.snapshot_id DESC LIMIT :limit`,
  gcRowById: `SELECT ${gcColumns} FROM snapshots s WHERE s.id = :id AND s.state = 'ready'`,

  gcSessionById: `SELECT epoch, session_id, owner FROM gc_sessions
    WHERE session_id = :session_id`,
  newestGcEpoch: `SELECT epoch FROM gc_sessions WHERE epoch > 0 ORDER BY epoch DESC LIMIT 1`,
  insertGcSession: `INSERT INTO gc_sessions VALUES (:epoch, :session_id, :owner, :at)`,
  trimGcSessions: `DELETE FROM gc_sessions WHERE epoch <= :last`,

  // The bound makes this a search from the end of the primary key. Without a bound, SQLite reports
  // a scan.
  newestEvent: `SELECT sequence, mark, end_bytes FROM events
    WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1`,
  oldestEvent: `SELECT sequence, mark, end_bytes FROM events
    WHERE sequence > 0 ORDER BY sequence LIMIT 1`,
  eventMark: `SELECT mark FROM events WHERE sequence = :sequence`,
  eventsAfter: `SELECT sequence, mark, type, occurred_at, snapshot_id, replaced_by, previous, snapshot
    FROM events WHERE sequence > :after ORDER BY sequence LIMIT :limit`,
  insertEvent: `INSERT INTO events VALUES (:sequence, :mark, :type, :occurred_at, :snapshot_id,
    :replaced_by, :previous, :snapshot, :end_bytes)`,
  trimEvents: `DELETE FROM events WHERE sequence <= :last`,
} as const;

export const sql = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => [name, register(text)]),
) as { readonly [Name in keyof typeof texts]: Sql };
