// Compares one snapshot's record with its directory. The functions are pure, so that each
// difference can be tested alone.
import { formatBytesExactly } from "../../base/sizes.js";
import { isDeepStrictEqual } from "node:util";
import { join } from "node:path";
import { isStoreError, type StoreError } from "../../base/errors.js";
import type { AuditedRow } from "../../catalog/open.js";
import type { Examined, FoundFile } from "../../files/examine.js";
import { blocksDirectoryName, filesDirectoryName, manifestFileName } from "../../files/layout.js";
import { snapshotDigest, type Manifest } from "../../files/manifest.js";
import { storedFileMode } from "../../files/stored-modes.js";
import { finding, type Finding } from "../../model/finding.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";

type Subject = Pick<Finding, "id" | "name">;

/** Returns the problems that the record shows by itself. */
export function findingsOfRow(row: AuditedRow, path: string): Finding[] {
  const subject = { id: row.id, name: row.name, path };
  const action = row.snapshot === undefined ? "take_manifest" : "rewrite_rows";
  const found = row.problems.map((problem) => finding("catalog_rows", subject, problem, action));
  if (row.snapshot?.corrupt === true) {
    const text = "marked corrupt: served only by force; `stasis verify` shows the ranges";
    found.push(finding("marked_corrupt", subject, text, "none"));
  }
  return found;
}

/**
 * Compares the record with the disk. `live` says that an update may be between its record and its
 * manifest.
 */
export function compareWithDisk(row: AuditedRow, disk: Examined, live: boolean): Finding[] {
  const subject = { id: row.id, name: row.name };
  // Only a newer stasis knows which other entries belong in this directory.
  if (isStoreError(disk.manifest, "FORMAT_UNSUPPORTED")) {
    const path = join(disk.directory, manifestFileName);
    return [finding("format_unsupported", { ...subject, path }, disk.manifest.message, "none")];
  }
  const described = describedFiles(row, disk.manifest);
  return [
    ...manifestFindings(row, disk, live),
    ...(described === undefined ? [] : fileFindings(subject, described, disk)).map((one) =>
      // If the snapshot is already marked as corrupt, repair can do nothing more about its data.
      one.action === "mark_corrupt" && row.snapshot?.corrupt === true
        ? { ...one, action: "none" as const }
        : one,
    ),
    ...disk.unknown.map((path) =>
      finding("entry_unknown", { ...subject, path }, "not made by stasis", "quarantine"),
    ),
    ...disk.temporary.map((path) => {
      const text = "left by an interrupted replacement of a file";
      return finding("temporary_file", { ...subject, path }, text, "quarantine");
    }),
  ];
}

/**
 * Returns the files that must exist. The record lists them, or the manifest does if the record
 * contradicts its own digest. Returns undefined if neither can be trusted.
 */
export function describedFiles(
  row: AuditedRow,
  manifest: Manifest | StoreError,
): readonly SnapshotFile[] | undefined {
  const { snapshot } = row;
  if (snapshot !== undefined && isConsistent(snapshot)) return snapshot.files;
  return isStoreError(manifest) || manifest.id !== row.id ? undefined : manifest.files;
}

function isConsistent({ files, digest }: Snapshot): boolean {
  return snapshotDigest(files) === digest;
}

function manifestFindings(row: AuditedRow, disk: Examined, live: boolean): Finding[] {
  const subject = { id: row.id, name: row.name, path: join(disk.directory, manifestFileName) };
  const { manifest } = disk;
  if (disk.manifestMissing) {
    return [finding("manifest_missing", subject, "there is no manifest", "rewrite_manifest")];
  }
  if (isStoreError(manifest)) {
    return [finding("manifest_damaged", subject, manifest.message, "rewrite_manifest")];
  }
  if (manifest.id !== row.id) {
    const text = `it describes snapshot ${manifest.id}`;
    return [finding("manifest_damaged", subject, text, "rewrite_manifest")];
  }
  const text = `it has revision ${manifest.revision}, the catalog has ${row.revision}`;
  if (manifest.revision > row.revision) {
    return [finding("manifest_newer", subject, text, "take_manifest")];
  }
  if (row.dirty) return live ? [] : [finding("interrupted", subject, text, "at_next_start")];
  if (manifest.revision < row.revision) {
    return [finding("manifest_older", subject, text, "rewrite_manifest")];
  }
  const different = row.snapshot === undefined ? [] : differingFields(row.snapshot, manifest);
  if (different.length === 0) return [];
  const list = `the catalog has another ${different.join(", ")}`;
  const action =
    row.snapshot !== undefined && isConsistent(row.snapshot) ? "rewrite_manifest" : "take_manifest";
  return [finding("manifest_differs", subject, list, action)];
}

/** Returns the names of the fields in which the manifest differs from the record. */
function differingFields(snapshot: Snapshot, manifest: Manifest): string[] {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ["config", plain(snapshot.config), plain(manifest.config)],
    ["createdAt", snapshot.createdAt.getTime(), manifest.createdAt.getTime()],
    ["protected", snapshot.protected, manifest.protected],
    ["expireTime", snapshot.expireTime?.getTime(), manifest.expireTime?.getTime()],
    ["digest", snapshot.digest, manifest.digest],
    ["parentDigest", snapshot.parentDigest, manifest.parentDigest],
    ["files", filesByName(snapshot.files), filesByName(manifest.files)],
  ];
  return pairs.filter(([, a, b]) => !isDeepStrictEqual(a, b)).map(([name]) => name);
}

/**
 * Returns a copy without prototypes, because prototypes differ between parsed and constructed
 * objects.
 */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value)) as unknown;
}

function filesByName(files: readonly SnapshotFile[]): Record<string, unknown> {
  return Object.fromEntries(files.map((file) => [file.name, plain(file)]));
}

function fileFindings(
  subject: Subject,
  described: readonly SnapshotFile[],
  disk: Examined,
): Finding[] {
  const parent = join(disk.directory, filesDirectoryName);
  const { files } = disk;
  if (files === undefined) {
    const text = "the directory of the data files is missing";
    return [finding("file_missing", { ...subject, path: parent }, text, "mark_corrupt")];
  }
  const expected = new Set(described.map((file) => file.name));
  const found = described.flatMap((file) => [
    ...oneFile(subject, join(parent, file.name), file, { ...disk, found: files.get(file.name) }),
    ...oneTable(subject, join(disk.directory, blocksDirectoryName), file, disk),
  ]);
  for (const name of files.keys()) {
    if (expected.has(name)) continue;
    const where = { ...subject, path: join(parent, name) };
    found.push(finding("file_unknown", where, "the snapshot has no such file", "quarantine"));
  }
  return found;
}

function oneFile(
  subject: Subject,
  path: string,
  file: SnapshotFile,
  { found, sealed }: { readonly found: FoundFile | undefined; readonly sealed: boolean },
): Finding[] {
  const where = { ...subject, path };
  if (found === undefined) {
    return [finding("file_missing", where, "the file is missing", "mark_corrupt")];
  }
  if (!found.regular) {
    return [finding("file_kind", where, "it is not a regular file", "mark_corrupt")];
  }
  if (found.sizeBytes !== file.sizeBytes) {
    const text = `it has ${formatBytesExactly(found.sizeBytes)}, expected ${formatBytesExactly(file.sizeBytes)}`;
    return [finding("file_size", where, text, "mark_corrupt")];
  }
  if (found.mode === storedFileMode) return [];
  // In an unsealed directory, an earlier version may have left the file writable. The store makes
  // the file read-only before it hands out the path.
  if (!sealed && found.mode === (file.mode | 0o400)) return [];
  const text = `its mode is ${octal(found.mode)}, expected ${octal(storedFileMode)}`;
  return [finding("file_mode", where, text, "set_mode")];
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

function oneTable(subject: Subject, blocks: string, file: SnapshotFile, disk: Examined): Finding[] {
  const table = disk.tables.get(file.name);
  if (table === undefined || table === "intact") return [];
  const where = { ...subject, path: join(disk.directory, filesDirectoryName, file.name) };
  if (table === "newer") {
    const text = `its block table in ${blocks} was written by a newer stasis`;
    return [finding("format_unsupported", where, text, "none")];
  }
  const kind = table === "missing" ? "block_table_missing" : "block_table_damaged";
  const text = `its block table in ${blocks} is ${table}`;
  return [finding(kind, where, text, "rebuild_block_table")];
}
