// Writes a directory of this machine that appears with all its files or not at all.
import { lstat, mkdir, open, readdir, realpath, rename, rm, rmdir } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { StoreError, isStoreError, restated } from "../base/errors.js";
import { envelopeFileName } from "../model/name.js";
import { ioError, isErrno, withIoError } from "../holes/errno.js";
import { renameWithoutReplace } from "../holes/native.js";

interface LocalTarget extends AsyncDisposable {
  /**
   * Calls `write` with the path for the files. Nothing exists at that path yet, but its parent
   * exists. Errors name the destination and not this path, because the caller only knows the
   * destination.
   */
  fill<T>(write: (filesDirectory: string) => Promise<T>): Promise<T>;
  /** Moves the files to their destination. Disposing without a commit deletes them. */
  commit(options: { readonly sync: boolean }): Promise<void>;
}

/**
 * Opens a target. `directory` must be empty, or absent with an existing parent. An absent directory
 * appears by one rename. An empty directory keeps its identity, owner and mode, because it may be a
 * mount point or a working directory. The files are moved into it one by one, `snapshot.json` last.
 */
export async function openLocalTarget(directory: string): Promise<LocalTarget> {
  const target = resolve(directory);
  const exists = await isEmptyDirectory(target);
  const staging = join(
    exists ? target : dirname(target),
    `.stasis-partial-${randomBytes(6).toString("hex")}`,
  );
  const filesDirectory = join(staging, "files");
  await withIoError({ what: "write into", path: dirname(staging), owner: "caller" }, () =>
    mkdir(staging, { mode: 0o700 }),
  );
  return {
    async fill(write) {
      const real = await realpath(staging).catch(() => staging);
      try {
        return await write(filesDirectory);
      } catch (error) {
        throw renamed(error, [filesDirectory, join(real, "files")], target);
      }
    },
    async commit({ sync }) {
      if (sync) await syncDirectory(filesDirectory);
      if (exists) await moveFiles(filesDirectory, target);
      else await appear(filesDirectory, target);
      await rmdir(staging).catch(() => undefined);
      if (sync) await syncDirectory(exists ? target : dirname(target));
    },
    async [Symbol.asyncDispose]() {
      await rm(staging, { recursive: true, force: true });
    },
  };
}

function renamed(error: unknown, from: readonly string[], to: string): unknown {
  if (!isStoreError(error)) return error;
  const rename = (text: string): string =>
    from.reduce((changed, path) => changed.replaceAll(path, to), text);
  const { message, hint, metadata, fields, resource } = error;
  return restated(error, {
    message: rename(message),
    ...(hint === undefined ? {} : { hint: rename(hint) }),
    metadata: Object.fromEntries(
      Object.entries(metadata).map(([key, value]) => [key, rename(value)]),
    ),
    fields: fields.map(({ field, description }) => ({ field, description: rename(description) })),
    ...(resource === undefined ? {} : { resource: { ...resource, name: rename(resource.name) } }),
    cause: error,
  });
}

/**
 * Returns true for an empty directory, and false if nothing exists at `path`. Throws for anything
 * else.
 */
async function isEmptyDirectory(path: string): Promise<boolean> {
  let names: readonly string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") && !(await isDanglingLink(path))) return false;
    throw ioError(error, { what: "look into", path, owner: "caller" });
  }
  if (names.length > 0) {
    throw new StoreError("DIRECTORY_NOT_EMPTY", `${path} is not empty: it holds ${names[0]}`, {
      hint: "Name an empty directory, or one that does not exist yet",
      resource: { type: "directory", name: path },
    });
  }
  return true;
}

async function isDanglingLink(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function appear(from: string, target: string): Promise<void> {
  try {
    await renameWithoutReplace(from, target);
  } catch (error) {
    // EINVAL means that this filesystem cannot rename without replacing. The target was absent when
    // this call started.
    if (!isErrno(error, "EINVAL")) {
      throw ioError(error, { what: "rename into place", path: target, owner: "caller" });
    }
    await withIoError({ what: "rename into place", path: target, owner: "caller" }, () =>
      rename(from, target),
    );
  }
}

async function moveFiles(from: string, target: string): Promise<void> {
  const names = await readdir(from);
  names.sort((a, b) => Number(a === envelopeFileName) - Number(b === envelopeFileName));
  const moved: string[] = [];
  try {
    for (const name of names) {
      await renameWithoutReplace(join(from, name), join(target, name));
      moved.push(name);
    }
  } catch (error) {
    for (const name of moved) await rm(join(target, name), { force: true });
    throw ioError(error, { what: "move the files into", path: target, owner: "caller" });
  }
  await rmdir(from);
}

async function syncDirectory(path: string): Promise<void> {
  await withIoError({ what: "make durable", path }, async () => {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}
