// Writes a stored file again that lies in very many extents on the device.
//
// A delta shares blocks with its parent, and each changed page is an extent of its own. In a long
// chain of deltas with changes at random places the number of extents grows, and with it the time
// of every reflink. So a file that reaches the bound is copied one after the other into a new file,
// which then replaces it by rename.
//
// Invariants:
// - Each block is compared with its digest when it is read, and the digest of the copy with that of
//   the file, before the copy is synced and takes the place of the file. Both files have the same
//   bytes and holes, so readers and power cuts may meet either one.
// - The rename is under a background lease, so that a deletion or a Take ends this work first. It
//   does not happen while a caller has the path of the directory.
// - A crash leaves at most a staging directory, which the next start removes. Nothing records that
//   the work is due: the next delta of the file has as many extents, and is looked at again.
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isStoreError, StoreError } from "../../base/errors.js";
import { currentAlgorithm } from "../../files/block-digest.js";
import { fsyncDirectory, fsyncFile, moveOver } from "../../files/durable.js";
import { filesDirectoryName } from "../../files/layout.js";
import { openStaging, type Staging } from "../../files/staging.js";
import { openStored, readStoredAlgorithm } from "../../files/stored.js";
import type { StoredFile, StoredSnapshot } from "../../files/stored.js";
import { whileWritable } from "../../files/stored-modes.js";
import { openVerified } from "../../files/verified-read.js";
import { withIoError } from "../../holes/errno.js";
import { countExtents } from "../../holes/shared-extents.js";
import { openAllowance } from "../parts/allowance.js";
import { noteDamage } from "../parts/damage.js";
import type { Healer } from "./healer.js";

/** The number of extents at which a file is written again. */
const defaultMaxExtents = 100_000;

/** A file that lies in too many extents. */
interface Fragmented {
  readonly file: StoredFile;
  /** Its place in the order of names. */
  readonly index: number;
  readonly extents: number;
}

/**
 * Queues a look at the files of a snapshot that was made as a delta. A snapshot whose digests are
 * still being computed is left as it is, because a copy could not be compared.
 */
export function rewriteFragmented(healer: Healer, id: string): void {
  healer.background(`rewrite ${id}`, () =>
    // All snapshots use one key: two copies at once would only compete for the disk.
    healer.manifests.run("rewrite", () => rewriteSnapshot(healer, id)),
  );
}

async function rewriteSnapshot(healer: Healer, id: string): Promise<void> {
  const { catalog, leases, layout, observer } = healer;
  const snapshot = catalog.get(id);
  if (snapshot?.state !== "ready" || snapshot.corrupt || snapshot.digest === "") return;
  if (leases.isKeptInPlace(id)) return rewriteWhenFree(healer, id);
  using lease = leases.share(id, "background", "rewrite");
  const signal = AbortSignal.any([lease.signal, healer.closing]);
  try {
    await using stored = await openStored(layout, id, snapshot.files, signal);
    const found = await findFragmented(healer, stored);
    if (found.length > 0) await rewriteFiles(healer, stored, found, signal);
  } catch (error) {
    if (signal.aborted) return;
    observer.rewritten(isStoreError(error) ? error.reason : "INTERNAL");
    noteDamage(healer, id, error);
    throw error;
  }
}

function rewriteWhenFree(healer: Healer, id: string): void {
  healer.leases.onFree(id, () => {
    rewriteFragmented(healer, id);
  });
}

/**
 * Returns the files that reach the bound and that a copy can improve. A file with links of clones
 * is left alone, because a copy would take its space twice.
 */
async function findFragmented(
  { options }: Pick<Healer, "options">,
  stored: StoredSnapshot,
): Promise<readonly Fragmented[]> {
  const { maxFileExtents = defaultMaxExtents } = options;
  const found: Fragmented[] = [];
  for (const [index, file] of stored.files.entries()) {
    await using handle = await stored.open(file.name);
    const extents = (await countExtents(handle.fd)) ?? 0;
    const leastExtents = file.extents?.length ?? 0;
    if (extents < maxFileExtents || extents < 2 * leastExtents) continue;
    if ((await handle.stat()).nlink > 1) continue;
    if ((await readStoredAlgorithm(stored, index)) !== currentAlgorithm) continue;
    found.push({ file, index, extents });
  }
  return found;
}

async function rewriteFiles(
  healer: Healer,
  stored: StoredSnapshot,
  found: readonly Fragmented[],
  signal: AbortSignal,
): Promise<void> {
  const { layout, intakes, writeWorkers, observer, logger } = healer;
  const { id } = stored;
  // Collections must not touch the staging directory of this snapshot.
  intakes.add(id);
  try {
    using allowance = openAllowance(healer, signal);
    await using staging = await openStaging(layout, id, writeWorkers);
    for (const each of found) {
      const { name, allocatedBytes } = each.file;
      await allowance.wait(allocatedBytes);
      allowance.take(allocatedBytes);
      const path = await copyFile(layout.stagingDirectory(id), staging, stored, each, signal);
      if (!(await replace(healer, id, path, name, signal))) return;
      observer.rewritten("OK");
      const { extents } = each;
      logger.info(
        { id, file: name, extents, allocatedBytes },
        "a file in many extents was rewritten",
      );
    }
  } finally {
    intakes.delete(id);
  }
}

/** Copies the file into the staging area and makes the copy durable. Returns its path. */
async function copyFile(
  stagingDirectory: string,
  staging: Staging,
  stored: StoredSnapshot,
  { file, index }: Fragmented,
  signal: AbortSignal,
): Promise<string> {
  const { name, mode, sizeBytes, extents, digest } = file;
  await using source = await stored.open(name);
  await using compared = await openVerified(
    stored,
    source,
    { file, index },
    { what: name, signal },
  );
  const options = { mode, sizeBytes, extents, detectZeros: false, signal };
  await using target = await staging.createFile(name, options);
  for await (const { offset, chunk } of compared.pieces()) await target.write(offset, chunk);
  const copied = await target.finish();
  if (copied.digest !== digest) {
    const problem = `the copy of ${name} of snapshot ${stored.id} has the digest ${copied.digest}`;
    throw new StoreError("INTERNAL", `${problem}, expected ${digest}`);
  }
  const path = join(stagingDirectory, filesDirectoryName, name);
  await fsyncFile(path);
  return path;
}

/**
 * Moves the copy to the place of the file. Returns false, and tries again later, if a caller has
 * the path of the directory.
 */
async function replace(
  healer: Healer,
  id: string,
  path: string,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const directory = healer.layout.filesDirectory(id);
  const target = join(directory, name);
  const moved = await whileWritable(directory, async () => {
    const { nlink } = await withIoError({ what: "look at", path: target }, () => stat(target));
    signal.throwIfAborted();
    if (healer.leases.isKeptInPlace(id) || nlink > 1) return false;
    await moveOver(path, target);
    return true;
  });
  if (moved) await fsyncDirectory(directory);
  else if (healer.leases.isKeptInPlace(id)) rewriteWhenFree(healer, id);
  return moved;
}
