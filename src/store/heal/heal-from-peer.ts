// Heals a damaged or lost snapshot with bytes from a peer. Healing never writes to a damaged file:
// an intact copy replaces the file by rename. Readers see one file or the other, and a power cut
// leaves one or the other.
import { constants } from "node:fs";
import { mkdir, open, rename, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { StoreError, isStoreError } from "../../base/errors.js";
import { closeQuietly } from "../../base/quietly.js";
import { encodeBlockTable, readBlockTable } from "../../files/block-table-codec.js";
import { rootDigest, type BlockTable } from "../../files/block-table.js";
import { exists, fsyncDirectory, fsyncFile, replaceFile } from "../../files/durable.js";
import { byName } from "../../files/file-order.js";
import { blocksDirectoryName, blockTableName } from "../../files/layout.js";
import { manifestVersion, readManifest } from "../../files/manifest.js";
import { openStaging } from "../../files/staging.js";
import { sealFile, whileWritable } from "../../files/stored-modes.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { withIoError } from "../../holes/errno.js";
import { notFoundError } from "../../catalog/refs.js";
import { adoptAll } from "./adopt.js";
import type { Healer } from "./healer.js";
import { commitUnknown } from "../parts/commit-turns.js";
import { notHashedYet } from "../parts/open-read.js";
import { writeManifestAgain } from "../write/update.js";
import { beginRun, verify, verifyFile } from "./verify.js";

/** An intact file on the store's filesystem. Each of its blocks matches `table`. */
export interface WholeFile {
  readonly path: string;
  readonly table: BlockTable;
}

/** The damaged or missing files of one snapshot. */
export interface Damage {
  readonly snapshot: Snapshot;
  /** The damaged or missing files in the order of names. For a lost snapshot, all files. */
  readonly files: readonly SnapshotFile[];
  /**
   * Opens the remains of a file, which the caller closes. Returns undefined if nothing can be read.
   */
  openRest(file: SnapshotFile): Promise<FileHandle | undefined>;
}

/** Supplies one intact file for each damaged one, by name. */
export type FetchWhole = (damage: Damage) => Promise<ReadonlyMap<string, WholeFile>>;

/**
 * Reads all of a snapshot, fetches the damaged files, replaces them and reads all files again.
 * `ref` may be the id of a lost snapshot. If files are damaged, the snapshot is marked as corrupt
 * until all of its data is intact again, so readers without force are refused.
 */
export async function healFromPeer(
  healer: Healer,
  ref: string,
  fetch: FetchWhole,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { catalog, layout, leases } = healer;
  const exact = catalog.get(ref);
  const snapshot = exact?.state === "lost" ? exact : catalog.resolveRef(ref);
  const { id } = snapshot.config;
  if (snapshot.digest === "") throw notHashedYet(id);
  if (snapshot.state === "lost") return storeAgain(healer, snapshot, fetch, signal);
  using _lease = leases.share(id, "stream", "Pull with repair");
  if (!(await exists(layout.dataDirectory(id)))) {
    catalog.resolveRef(id);
    catalog.markLost(id);
    return await storeAgain(healer, snapshot, fetch, signal);
  }
  const files = await findDamaged(healer, snapshot, signal);
  if (files.length > 0) {
    catalog.resolveRef(id);
    catalog.setCorrupt(id, true);
    const openRest: Damage["openRest"] = ({ name }) =>
      openFile(join(layout.filesDirectory(id), name));
    await putInPlace(healer, snapshot, await fetch({ snapshot, files, openRest }));
  }
  await repairManifest(healer, id);
  await requireIntact(healer, id, signal);
  return catalog.resolveRef(id);
}

async function findDamaged(
  healer: Healer,
  snapshot: Snapshot,
  signal: AbortSignal,
): Promise<SnapshotFile[]> {
  const run = beginRun(healer, { limitBytesPerSecond: 0, totalBytes: 0 }, signal);
  const damaged: SnapshotFile[] = [];
  for (const file of snapshot.files) {
    try {
      const events = verifyFile(healer, snapshot, file, run);
      let next = await events.next();
      while (next.done !== true) next = await events.next();
      if (!next.value.intact) damaged.push(file);
    } catch (error) {
      // An unreadable sector counts as damage.
      if (signal.aborted || !isStoreError(error, "IO_FAILED")) throw error;
      damaged.push(file);
    }
  }
  return damaged;
}

/** Opens the file. If a link or a directory is in its place, there is nothing to read. */
async function openFile(path: string): Promise<FileHandle | undefined> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  let handle: FileHandle;
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
  const isFile = await handle.stat().then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return handle;
  await closeQuietly(handle);
  return undefined;
}

async function requireIntact(healer: Healer, id: string, signal: AbortSignal): Promise<void> {
  for await (const event of verify(healer, { ref: id, limitBytesPerSecond: 0 }, signal)) {
    if (event.kind !== "verdict" || event.intact) continue;
    throw new StoreError(
      "STORED_DATA_CORRUPT",
      `snapshot ${id} is damaged again, right after it was made whole: ${event.file}: ${event.problem}`,
      { hint: "Check the kernel's log: the disk may be failing", metadata: { snapshot_id: id } },
    );
  }
}

async function putInPlace(
  { layout }: Healer,
  { config: { id }, files: all }: Snapshot,
  files: ReadonlyMap<string, WholeFile>,
): Promise<void> {
  const directory = layout.filesDirectory(id);
  const blocks = join(layout.dataDirectory(id), blocksDirectoryName);
  // `makeDirectory` does not create missing parents. If a deletion has moved them to the trash,
  // nothing may be created in their place.
  for (const path of [directory, blocks]) await makeDirectory(path);
  await whileWritable(directory, async () => {
    for (const [index, { name }] of [...all].sort(byName).entries()) {
      const whole = files.get(name);
      if (whole === undefined) continue;
      const target = join(directory, name);
      await sealFile(layout, whole.path);
      await fsyncFile(whole.path);
      await withIoError({ what: `move to ${target}`, path: whole.path }, () =>
        rename(whole.path, target),
      );
      await repairTable(join(blocks, blockTableName(index)), whole.table);
    }
  });
  await fsyncDirectory(blocks);
  await fsyncDirectory(directory);
}

async function makeDirectory(path: string): Promise<void> {
  if (await exists(path)) return;
  await withIoError({ what: "make the directory", path }, () => mkdir(path, { mode: 0o700 }));
  await fsyncDirectory(dirname(path));
}

async function repairTable(path: string, table: BlockTable): Promise<void> {
  const found = await readBlockTable(path).catch(() => undefined);
  if (found !== undefined && rootDigest(found) === rootDigest(table)) return;
  await replaceFile(path, encodeBlockTable(table));
}

async function repairManifest(healer: Healer, id: string): Promise<void> {
  try {
    await readManifest(healer.layout, id);
  } catch (error) {
    if (!isStoreError(error) || error.reason === "FORMAT_UNSUPPORTED") throw error;
    await writeManifestAgain(healer, id);
  }
}

/**
 * Publishes the lost snapshot under its old id. If the daemon crashes before the record exists, the
 * next start adopts the snapshot.
 */
async function storeAgain(
  healer: Healer,
  snapshot: Snapshot,
  fetch: FetchWhole,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { catalog, layout, collecting, intakes } = healer;
  const { id } = snapshot.config;
  // Collections must not touch the staging directory of this snapshot.
  intakes.add(id);
  try {
    const { files } = snapshot;
    const fetched = await fetch({ snapshot, files, openRest: () => Promise.resolve(undefined) });
    await using staging = await openStaging(layout, id, healer.writeWorkers);
    const stored: SnapshotFile[] = [];
    for (const { name, mode } of files) {
      const whole = fetched.get(name);
      if (whole === undefined) throw new Error(`no file for ${name}`);
      stored.push(await staging.moveIn(whole.path, name, { mode, table: whole.table }));
    }
    await collecting.waitUntilOpen(signal);
    const revision = (catalog.manifestState(id)?.revision ?? 0) + 1;
    const { config, createdAt, digest, parentDigest, expireTime } = snapshot;
    const known = { id, revision, config, createdAt, protected: snapshot.protected };
    const shown = { ...known, expireTime, digest, parentDigest };
    const manifest = { ...shown, version: manifestVersion, files: stored } as const;
    healer.root.check();
    await staging.publish(manifest);
    try {
      // A GC session may have begun during publication.
      await collecting.waitUntilOpen(signal);
      // A snapshot that was deleted in the meantime must not return.
      if (catalog.get(id)?.state !== "lost") throw notFoundError(id);
      adoptAll(healer, [manifest], { older: false });
    } catch (error) {
      if (commitUnknown(error)) staging.leaveToRecovery();
      throw error;
    }
    staging.recorded();
    return catalog.resolveRef(id);
  } finally {
    intakes.delete(id);
  }
}
