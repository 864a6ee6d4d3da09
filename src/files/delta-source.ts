// Reads delta files from a caller's directory. A delta file is a sparse file in which a hole means
// that the range is as in the parent. Nothing here writes to the caller's files.
import { closedQuietly } from "../base/quietly.js";
import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { withIoError } from "../holes/errno.js";
import { lazyExtents } from "../holes/extents.js";
import { requireSmallHoles } from "../holes/hole-unit.js";
import type { Extent } from "../model/extent.js";
import { changedMeanwhile } from "./adopted-links.js";
import { foreignOwner } from "./held-directory.js";
import type { StagedFile } from "./staged-file.js";

/**
 * Maximum bytes and extents that a writing thread receives at once, so that it can also work on
 * other files.
 */
const batchBytes = 4 * 1024 * 1024;
const batchExtents = 64;

interface DeltaFile {
  readonly path: string;
  readonly name: string;
  /** The path of the directory as the caller gave it. */
  readonly directory: string;
  /** The user id that must own the file. If it is undefined, any user may own the file. */
  readonly owner: number | undefined;
}

/**
 * Writes the data of the delta file to `target`. Throws FIELD_INVALID if the filesystem does not
 * report holes of 4 KiB, if the file belongs to another user than `owner`, or if it changes while
 * it is read.
 */
export async function copyDelta(source: DeltaFile, target: StagedFile): Promise<void> {
  const { path, name, directory, owner } = source;
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const context = { what: "open the file", path, owner: "caller", access: "read" } as const;
  await using handle = closedQuietly(
    await withIoError(context, () => open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)),
  );
  const look = () => withIoError(context, () => handle.stat({ bigint: true }));
  const before = await look();
  if (!before.isFile()) throw changedMeanwhile(name, directory);
  if (owner !== undefined && Number(before.uid) !== owner) {
    throw foreignOwner(path, Number(before.uid));
  }
  await requireSmallHoles(handle, name, directory);
  const extents = lazyExtents(handle.fd, Number(before.size)) ?? [];
  const copying = copyAll(handle, extents, target);
  // If the file was truncated meanwhile, the copy fails, but the caller must see the cause.
  await copying.catch(() => undefined);
  const after = await look();
  if (after.size !== before.size || after.mtimeNs !== before.mtimeNs) {
    throw changedMeanwhile(name, directory);
  }
  await copying;
}

async function copyAll(
  handle: FileHandle,
  extents: Iterable<Extent>,
  target: StagedFile,
): Promise<void> {
  for (const batch of batchesOf(extents)) await target.copyFrom(handle, batch);
  // The caller closes the descriptor after this call, so all reads must have ended.
  await target.idle();
}

/** Yields batches of extents: splits long extents, and groups short ones. */
function* batchesOf(extents: Iterable<Extent>): Generator<readonly Extent[]> {
  let batch: Extent[] = [];
  let bytes = 0;
  for (const { offset, length } of extents) {
    for (let done = 0; done < length;) {
      const part = Math.min(length - done, batchBytes - bytes);
      batch.push({ offset: offset + done, length: part });
      done += part;
      bytes += part;
      if (bytes < batchBytes && batch.length < batchExtents) continue;
      yield batch;
      [batch, bytes] = [[], 0];
    }
  }
  if (batch.length > 0) yield batch;
}
