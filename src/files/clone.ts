// Makes a working copy of a stored snapshot in a caller's directory: each file is a reflink, a copy
// or a hard link, or is left out. A reflink or a hard link takes milliseconds. It never uses
// symbolic links, because the copy must outlive the snapshot.
import { StoreError } from "../base/errors.js";
import { formatBytes } from "../base/sizes.js";
import { ioError, isErrno } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import { copySparse, shareBlocks, type CopyOptions } from "../holes/sparse-copy.js";
import type { CallerPath } from "../model/caller-path.js";
import type { ClonedFile, CloneMode, CloneRequest } from "../model/clone.js";
import { fsyncDirectory } from "./durable.js";
import type { HeldDirectory } from "./held-directory.js";
import type { Layout } from "./layout.js";
import type { StoredFile, StoredSnapshot } from "./stored.js";
import { fillTarget } from "./target-directory.js";

/**
 * Fills a directory that is outside the store and absent or empty. On failure, all files that were
 * made are deleted again. Throws REFLINK_UNSUPPORTED, LINK_UNSUPPORTED or CROSS_FILESYSTEM if the
 * filesystem or the target does not support a requested mode. REFLINK_UNSUPPORTED also means that
 * `auto` would have to copy more than `maxCopyBytes`.
 */
export async function cloneFiles(
  layout: Layout,
  stored: StoredSnapshot,
  target: CallerPath,
  request: CloneRequest,
  signal: AbortSignal,
): Promise<ClonedFile[]> {
  const { durable } = request;
  return await fillTarget(layout, target, { durable }, async (directory, made) => {
    const files: ClonedFile[] = [];
    let leftBytes = request.maxCopyBytes;
    for (const file of stored.files) {
      signal.throwIfAborted();
      const mode = request.modes.get(file.name) ?? request.defaultMode;
      const cloning: Cloning = { stored, file, directory, durable, leftBytes, signal };
      const cloned = await cloneOne(cloning, mode);
      if (cloned.mode !== "skip") made.push(directory.at(file.name));
      if (mode === "auto") leftBytes -= cloned.copiedBytes;
      files.push(cloned);
    }
    if (durable) await fsyncDirectory(directory.self);
    return files;
  });
}

interface Cloning {
  readonly stored: StoredSnapshot;
  readonly file: StoredFile;
  readonly directory: HeldDirectory;
  readonly durable: boolean;
  /** Bytes that `auto` may still copy. */
  readonly leftBytes: number;
  readonly signal: AbortSignal;
}

async function cloneOne(cloning: Cloning, mode: CloneMode): Promise<ClonedFile> {
  const { name, dataBytes } = cloning.file;
  const shared = { name, sharedBytes: dataBytes, copiedBytes: 0 };
  switch (mode) {
    case "skip":
      return { name, mode, sharedBytes: 0, copiedBytes: 0 };
    case "link":
      await linkFile(cloning);
      return { ...shared, mode };
    case "reflink":
      if (await reflinkFile(cloning)) return { ...shared, mode };
      throw cannotShare(cloning, "Choose copy, or auto, for this file");
    case "copy":
      return await copyFile(cloning);
    case "auto":
      if (await reflinkFile(cloning)) return { ...shared, mode: "reflink" };
      if (dataBytes <= cloning.leftBytes) return await copyFile(cloning);
      throw cannotShare(
        cloning,
        `Copying it would take ${formatBytes(dataBytes)}, and at most ` +
          `${formatBytes(cloning.leftBytes)} may be copied: raise the limit on copied bytes, or choose copy`,
      );
  }
}

/**
 * Makes a copy that shares its blocks with the stored file. Returns false, and leaves nothing
 * behind, if that is impossible.
 */
async function reflinkFile(cloning: Cloning): Promise<boolean> {
  const { stored, file, directory } = cloning;
  const made = await shareBlocks(
    stored.pathOf(file.name),
    directory.at(file.name),
    copyOptions(cloning),
  );
  return made !== undefined;
}

async function copyFile(cloning: Cloning): Promise<ClonedFile> {
  const { stored, file, directory } = cloning;
  const { name, dataBytes } = file;
  const options: CopyOptions = { ...copyOptions(cloning), ways: ["extents"] };
  await copySparse(stored.pathOf(name), directory.at(name), options);
  return { name, mode: "copy", sharedBytes: 0, copiedBytes: dataBytes };
}

function copyOptions({ file, durable, signal }: Cloning): CopyOptions {
  return { mode: file.mode, sync: durable, signal };
}

async function linkFile({ stored, file, directory }: Cloning): Promise<void> {
  const to = directory.at(file.name);
  try {
    // This is link(2) of /proc/self/fd/N/name. The last part is the file itself, so no link is
    // followed.
    await disk.link(stored.pathOf(file.name), to);
  } catch (error) {
    throw linkError(error, stored.id, file.name, directory.path);
  }
}

function linkError(error: unknown, id: string, name: string, directory: string): unknown {
  const metadata = { snapshot_id: id, file: name };
  if (isErrno(error, "EXDEV")) {
    return new StoreError(
      "CROSS_FILESYSTEM",
      `${name} of snapshot ${id} cannot be linked to ${directory}, which is on another filesystem`,
      { hint: "Choose a directory on the filesystem of the store, or another mode", metadata },
    );
  }
  if (isErrno(error, "EPERM", "EACCES", "EMLINK", "EOPNOTSUPP")) {
    return new StoreError(
      "LINK_UNSUPPORTED",
      `the system does not let the daemon link ${name} of snapshot ${id} to ${directory}`,
      {
        hint:
          "Its filesystem may have no hard links, or no more for this file; the daemon must own the stored file " +
          "(fs.protected_hardlinks). Choose reflink or copy",
        metadata,
        cause: error,
      },
    );
  }
  return ioError(error, { what: `link ${name}`, path: directory, owner: "caller" });
}

function cannotShare({ stored, file, directory }: Cloning, hint: string): StoreError {
  return new StoreError(
    "REFLINK_UNSUPPORTED",
    `${file.name} of snapshot ${stored.id} cannot share its blocks with a file in ${directory.path}`,
    { hint, metadata: { snapshot_id: stored.id, file: file.name } },
  );
}
