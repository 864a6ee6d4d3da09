// Taking over a caller's directory by rename: instant, and undone by a rename on any error.
import { lstat, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { StoreError, fieldInvalid } from "../base/errors.js";
import { envelopeFileName } from "../model/name.js";
import { withIoError } from "../sparse/errno.js";
import {
  entryInvalid,
  listDataFiles,
  requireAbsolute,
  type SourceFile,
} from "./directory-source.js";
import { fsyncParents, renameOnly } from "./durable.js";
import { filesDirectoryName, isInside, type Layout } from "./layout.js";
import { forgetOrigin, recordOrigin } from "./origin.js";

const field = "directory";

/**
 * Renames `source` to the files of the staging area at `staging`. When it throws before the rename,
 * the source is untouched; afterwards the marker in staging tells how to give it back.
 */
export async function takeOver(
  layout: Layout,
  staging: string,
  source: string,
): Promise<readonly SourceFile[]> {
  const path = await checkedPath(layout, source);
  await listAdoptable(path);
  await recordOrigin(staging, path);
  const files = join(staging, filesDirectoryName);
  try {
    await withIoError({ what: "take over the directory", path, owner: "caller" }, () =>
      renameOnly(path, files),
    );
  } catch (error) {
    await forgetOrigin(staging);
    throw error;
  }
  await fsyncParents(path, files);
  // Looked at again where nobody else has a path to it: this is what is stored.
  return listAdoptable(files);
}

async function checkedPath(layout: Layout, source: string): Promise<string> {
  requireAbsolute(source, field);
  const given = resolve(source);
  return withIoError({ what: "open the directory", path: source, owner: "caller" }, async () => {
    // rename(2) would move a symbolic link itself and leave the data where it is.
    const stat = await lstat(given);
    if (!stat.isDirectory()) throw fieldInvalid(field, "a directory, no link to one", source);
    const path = join(await realpath(dirname(given)), basename(given));
    if (isInside(layout, path) || layout.root.startsWith(`${path}/`)) {
      throw fieldInvalid(field, "a directory outside the store's root", source);
    }
    return path;
  });
}

async function listAdoptable(directory: string): Promise<readonly SourceFile[]> {
  const files = await listDataFiles(directory, { field });
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
