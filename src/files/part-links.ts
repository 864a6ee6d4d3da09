// Separates stored files from the hard links that clones hold. Such a file is replaced with a copy
// that shares its blocks where possible. The clones keep the old file.
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../base/errors.js";
import { formatBytes } from "../base/sizes.js";
import { count } from "../base/count.js";
import { withIoError } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import { copySparse, shareBlocks, type CopyOptions } from "../holes/sparse-copy.js";
import type { TakenFile } from "../model/take.js";
import { fsyncDirectory, removeTree } from "./durable.js";
import type { Layout } from "./layout.js";
import type { StoredFile, StoredSnapshot } from "./stored.js";
import { giveToGroup, storedFileMode, whileWritable } from "./stored-modes.js";

interface LinkOptions {
  /** Maximum bytes that are copied, in all files together. */
  readonly maxCopyBytes: number;
  /** Throws if a linked file has changed. Called after each copy was made, before it is used. */
  readonly requireUnchanged: () => void;
  readonly signal: AbortSignal;
}

/**
 * Separates the files of a snapshot. Afterwards no file of it has another link. Returns one entry
 * for each file: `moved` for a file that had no other link before. After an error some files may be
 * copies; their bytes are the same. The caller holds the exclusive lease, and nobody else uses the
 * staging area of this id. Throws REFLINK_UNSUPPORTED if blocks cannot be shared and the copies
 * would exceed `maxCopyBytes`.
 */
export async function partFromLinks(
  layout: Layout,
  stored: StoredSnapshot,
  options: LinkOptions,
): Promise<TakenFile[]> {
  const linked: StoredFile[] = [];
  for (const file of stored.files) {
    if ((await linkCount(stored.pathOf(file.name))) > 1) linked.push(file);
  }
  const parted = new Map<string, TakenFile>();
  if (linked.length > 0) {
    const area = layout.stagingDirectory(stored.id);
    await removeTree(area);
    await withIoError({ what: "make the staging directory", path: area }, () =>
      disk.mkdir(area, { mode: 0o700 }),
    );
    try {
      let leftBytes = options.maxCopyBytes;
      for (const file of linked) {
        options.signal.throwIfAborted();
        const made = await replaceByCopy(layout, stored, file, { ...options, leftBytes });
        leftBytes -= made.copiedBytes;
        parted.set(file.name, made);
      }
      await fsyncDirectory(layout.filesDirectory(stored.id));
    } finally {
      await clear(layout, area);
    }
  }
  return stored.files.map(
    ({ name }) => parted.get(name) ?? { name, mode: "moved", copiedBytes: 0 },
  );
}

/** Deletes the staging area. If the disk fails, the next start deletes what is left. */
async function clear({ stagingRoot }: Layout, area: string): Promise<void> {
  try {
    await removeTree(area);
    await fsyncDirectory(stagingRoot);
  } catch {
    return;
  }
}

async function linkCount(path: string): Promise<number> {
  const { nlink } = await withIoError({ what: "look at the file", path }, () => lstat(path));
  return nlink;
}

async function replaceByCopy(
  layout: Layout,
  stored: StoredSnapshot,
  file: StoredFile,
  { leftBytes, requireUnchanged, signal }: LinkOptions & { readonly leftBytes: number },
): Promise<TakenFile> {
  const { name, dataBytes } = file;
  const from = stored.pathOf(name);
  const copy = join(layout.stagingDirectory(stored.id), name);
  const how: CopyOptions = { mode: storedFileMode, sync: true, signal };
  const made = await (dataBytes > leftBytes ? shareBlocks : copySparse)(from, copy, how);
  if (made === undefined) throw tooMuch(stored.id, file, leftBytes, await linkCount(from));
  requireUnchanged();
  if (layout.dataGroup !== undefined) await giveToGroup(copy, layout.dataGroup);
  const directory = layout.filesDirectory(stored.id);
  await whileWritable(directory, () =>
    withIoError({ what: `replace ${name} by its copy`, path: directory }, () =>
      disk.rename(copy, join(directory, name)),
    ),
  );
  return made.method === "reflink"
    ? { name, mode: "reflink", copiedBytes: 0 }
    : { name, mode: "copy", copiedBytes: dataBytes };
}

function tooMuch(
  id: string,
  { name, dataBytes }: StoredFile,
  leftBytes: number,
  links: number,
): StoreError {
  return new StoreError(
    "REFLINK_UNSUPPORTED",
    `${name} of snapshot ${id} has ${count(links - 1, "other hard link")}, and its copy cannot share its blocks`,
    {
      hint:
        `Copying it would take ${formatBytes(dataBytes)}, and at most ${formatBytes(leftBytes)} ` +
        "may be copied: raise the limit on copied bytes, or remove the clones that link to it",
      metadata: { snapshot_id: id, file: name },
    },
  );
}
