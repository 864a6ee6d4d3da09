// Handles the files with other hard links in a directory that is taken over. Such a file never
// becomes a file of the snapshot, because other programs could change it through its other links.
// The snapshot receives a copy that shares blocks with it where possible. The file itself waits
// beside the snapshot's files until the catalog has the snapshot. If the directory has to return,
// the file returns with it and keeps its inode.
//
//   staging/<id>/copies/<name>   the copies, before the directory moves
//   staging/<id>/linked/<name>   the files themselves, after their copies have replaced them
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fieldInvalid, type StoreError } from "../base/errors.js";
import { isErrno, ioError, withIoError } from "../holes/errno.js";
import { disk } from "../holes/file-operations.js";
import { copySparse } from "../holes/sparse-copy.js";
import type { SourceFile } from "./directory-source.js";
import { fsyncDirectory, removeTree } from "./durable.js";
import { fileIdentityOf, type FileIdentity } from "./file-identity.js";
import type { HeldDirectory } from "./held-directory.js";
import { filesDirectoryName, linkedDirectoryName } from "./layout.js";
import { storedFileMode, whileWritable } from "./stored-modes.js";

const copiesDirectoryName = "copies";

interface CopyLinkedOptions {
  /** User id that must own the files. Default: any owner. */
  readonly owner?: number | undefined;
  /** Called before a file of this many bytes is copied. Throws if there is no room. */
  readonly reserve?: ((bytes: number) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The copies of linked files, by name. */
export type LinkedCopies = ReadonlyMap<string, LinkedCopy>;

interface LinkedCopy {
  /** The linked file, as it was when it was copied. */
  readonly source: FileIdentity;
  readonly copy: FileIdentity;
}

/** Copies the linked files of the caller's directory, which stays unchanged. */
export async function copyLinked(
  staging: string,
  directory: HeldDirectory,
  files: readonly SourceFile[],
  { owner, reserve, signal }: CopyLinkedOptions,
): Promise<LinkedCopies> {
  const copies = new Map<string, LinkedCopy>();
  const linked = files.filter(({ linkCount }) => linkCount > 1);
  if (linked.length === 0) return copies;
  await withIoError({ what: "make room for copies", path: staging }, async () => {
    await disk.mkdir(join(staging, copiesDirectoryName), { mode: 0o700 });
    await disk.mkdir(join(staging, linkedDirectoryName), { mode: 0o700 });
  });
  for (const { name, allocatedBytes } of linked) {
    await reserve?.(allocatedBytes);
    const from = directory.at(name);
    const to = join(staging, copiesDirectoryName, name);
    const source = await fileIdentityOf(from);
    await copySparse(from, to, {
      ...{ mode: storedFileMode, sync: false, sourceOwner: "caller", sourceUid: owner, signal },
    });
    copies.set(name, { source, copy: await fileIdentityOf(to) });
  }
  return copies;
}

/**
 * Replaces the linked files with the copies. The linked files wait in `linked/`. The directory must
 * already have been renamed to the files of `staging`. Throws FIELD_INVALID if a linked file was
 * changed or replaced after it was copied.
 */
export async function replaceLinked(
  staging: string,
  copies: LinkedCopies,
  given: string,
): Promise<void> {
  if (copies.size === 0) return;
  const files = join(staging, filesDirectoryName);
  await whileWritable(files, async () => {
    for (const [name, { source }] of copies) {
      await requireIdentity(join(files, name), source, name, given);
      await withIoError({ what: `put a copy of ${name} in its place`, path: staging }, async () => {
        await disk.rename(join(files, name), join(staging, linkedDirectoryName, name));
        await disk.rename(join(staging, copiesDirectoryName, name), join(files, name));
      });
    }
  });
  await fsyncDirectory(join(staging, linkedDirectoryName));
  await removeTree(join(staging, copiesDirectoryName));
}

/**
 * Checks that the copy of each linked file is in its place and unchanged. Call this when nobody can
 * change the directory any more. Throws the same errors as `replaceLinked`.
 */
export async function requireCopies(
  staging: string,
  copies: LinkedCopies,
  given: string,
): Promise<void> {
  for (const [name, { copy }] of copies) {
    await requireIdentity(join(staging, filesDirectoryName, name), copy, name, given);
  }
}

async function requireIdentity(
  path: string,
  expected: FileIdentity,
  name: string,
  given: string,
): Promise<void> {
  const { inode, mtimeNs } = await fileIdentityOf(path);
  if (inode === expected.inode && mtimeNs === expected.mtimeNs) return;
  throw changedMeanwhile(name, given);
}

export function changedMeanwhile(name: string, given: string): StoreError {
  const expected = `a directory whose files stay the same during the call, and ${name} did not`;
  return fieldInvalid("directory", expected, given);
}

/**
 * Restores the linked files to the place of their copies. After a crash, another call completes the
 * work. `directory` is a staging area or the directory of a snapshot.
 */
export async function returnLinked(directory: string): Promise<void> {
  const linked = join(directory, linkedDirectoryName);
  const names = await namesIn(linked);
  if (names.length === 0) return;
  const files = join(directory, filesDirectoryName);
  await whileWritable(files, async () => {
    for (const name of names) {
      await withIoError({ what: `put ${name} back`, path: files }, () =>
        disk.rename(join(linked, name), join(files, name)),
      );
    }
  });
  await fsyncDirectory(files);
  await fsyncDirectory(linked);
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw ioError(error, { what: "list", path: directory });
  }
}
