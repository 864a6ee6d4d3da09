// Taking over a caller's directory by rename: instant, and undone by a rename on any error.
import { lstat } from "node:fs/promises";
import { StoreError, fieldInvalid } from "../base/errors.js";
import type { CallerPath } from "../model/caller-path.js";
import { envelopeFileName } from "../model/name.js";
import { withIoError } from "../sparse/errno.js";
import { entryInvalid, listDataFiles, type SourceFile } from "./directory-source.js";
import { fsyncDirectory, renameOnly } from "./durable.js";
import {
  holdEntry,
  holdPlace,
  requireOwner,
  type HeldDirectory,
  type HeldPlace,
} from "./held-directory.js";
import { filesDirectoryName, type Layout } from "./layout.js";
import { forgetOrigin, recordOrigin } from "./origin.js";

const field = "directory";

/**
 * Renames the caller's directory to the files of the staging area at `staging`. When it throws before
 * the rename, the directory is untouched; afterwards the marker in staging tells how to give it back.
 */
export async function takeOver(
  layout: Layout,
  staging: string,
  source: CallerPath,
): Promise<readonly SourceFile[]> {
  await using place = await holdPlace(layout, source);
  await using directory = await openSource(layout, place, source);
  await listAdoptable(directory.self, source.owner);
  await recordOrigin(staging, place.path);
  const files = `${staging}/${filesDirectoryName}`;
  const context = { what: "take over the directory", path: place.path, owner: "caller" } as const;
  try {
    await withIoError(context, () => renameOnly(place.parent.at(place.name), files));
  } catch (error) {
    await forgetOrigin(staging);
    throw error;
  }
  // The target's parent first, so that a name is never in neither.
  await fsyncDirectory(staging);
  await fsyncDirectory(place.parent.self);
  await requireSame(directory, files, source.path);
  // Looked at again where nobody else has a path to it: this is what is stored.
  return listAdoptable(files, source.owner);
}

async function openSource(
  layout: Layout,
  { parent, name, path }: HeldPlace,
  source: CallerPath,
): Promise<HeldDirectory> {
  if (layout.root.startsWith(`${path}/`)) {
    throw fieldInvalid(field, "a directory outside the store's root", source.path);
  }
  const context = { what: "open the directory", path: source.path, owner: "caller" } as const;
  const directory = await withIoError(context, () => holdEntry(parent, name)).catch(
    async (error: unknown) => {
      // rename(2) would move a symbolic link itself and leave the data where it is.
      const found = await lstat(parent.at(name)).catch(() => undefined);
      if (found === undefined || found.isDirectory()) throw error;
      throw fieldInvalid(field, "a directory, no link to one", source.path);
    },
  );
  try {
    await requireOwner(directory, source);
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
  return directory;
}

/** rename(2) takes a name, and another file may have got it since the directory was looked at. */
async function requireSame(directory: HeldDirectory, moved: string, given: string): Promise<void> {
  const [checked, found] = await Promise.all(
    [directory.self, moved].map((path) => lstat(path, { bigint: true })),
  );
  if (checked?.dev === found?.dev && checked?.ino === found?.ino) return;
  throw fieldInvalid(field, "a directory that stays in its place during the call", given);
}

async function listAdoptable(
  directory: string,
  owner: number | undefined,
): Promise<readonly SourceFile[]> {
  const files = await listDataFiles(directory, { owner });
  for (const { name, linkCount } of files) {
    if (name === envelopeFileName) {
      throw new StoreError(
        "ARCHIVE_INVALID",
        `directory entry "${name}": reserved for the envelope of an archive`,
        { hint: "Use Import for what was exported", metadata: { entry: name } },
      );
    }
    if (linkCount > 1) {
      const problem = `it has ${linkCount} hard links, so that others could change it later`;
      throw entryInvalid(name, problem, "Copy it instead: Import, or Create from an archive");
    }
  }
  return files;
}
