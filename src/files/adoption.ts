// Takes over a caller's directory by rename. This is instant for any size, unless a file has other
// hard links and must be copied. After an error, a second rename can undo the first.
import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { StoreError, fieldInvalid } from "../base/errors.js";
import type { CallerPath } from "../model/caller-path.js";
import { envelopeFileName } from "../model/name.js";
import { withIoError } from "../holes/errno.js";
import {
  changedMeanwhile,
  copyLinked,
  replaceLinked,
  requireCopies,
  type LinkedCopies,
} from "./adopted-links.js";
import { listDataFiles, type SourceFile } from "./directory-source.js";
import { fsyncDirectory, renameOnly } from "./durable.js";
import {
  foreignOwner,
  holdEntry,
  holdPlace,
  requireOwner,
  type HeldDirectory,
  type HeldPlace,
} from "./held-directory.js";
import { filesDirectoryName, type Layout } from "./layout.js";
import { correctOrigin, forgetOrigin, recordOrigin, type Origin } from "./origin.js";
import {
  attributesOf,
  notOurs,
  sealFile,
  sealFilesDirectory,
  type Attributes,
} from "./stored-modes.js";

const field = "directory";

export interface TakeOverOptions {
  /** Called before a linked file of this many bytes is copied. Throws if there is no room. */
  readonly reserve?: ((bytes: number) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Renames the caller's directory to `files` in the staging area `staging`, and makes it and its
 * files read-only. Files with other hard links become copies. If this throws before the rename, the
 * directory is untouched. If it throws afterwards, the marker in staging describes how to restore
 * the directory.
 */
export async function takeOver(
  layout: Layout,
  staging: string,
  source: CallerPath,
  options: TakeOverOptions = {},
): Promise<readonly SourceFile[]> {
  await using place = await holdPlace(layout, source);
  await using directory = await openSource(layout, place, source);
  const before = await listAdoptable(directory.self, source.owner);
  const looking = { what: "look at the directory", path: place.path, owner: "caller" } as const;
  const attributes = attributesOf(await withIoError(looking, () => stat(directory.self)));
  const origin = originOf(place.path, attributes, before);
  requireMayChange(originOf(place.path, attributes, before.filter(isSingle)));
  const copying = { ...options, owner: source.owner };
  const copies = await copyLinked(staging, directory, before, copying);
  await recordOrigin(staging, origin);
  const files = `${staging}/${filesDirectoryName}`;
  const context = { what: "take over the directory", path: place.path, owner: "caller" } as const;
  try {
    await withIoError(context, () => renameOnly(place.parent.at(place.name), files));
  } catch (error) {
    await forgetOrigin(staging);
    throw error;
  }
  // The target's parent is synced first, so that a power cut cannot lose the name from both
  // parents.
  await fsyncDirectory(staging);
  await fsyncDirectory(place.parent.self);
  await requireSame(directory, files, source.path);
  await replaceLinked(staging, copies, source.path);
  // The directory is sealed first. From then on, a program that has the directory open cannot
  // change its entries.
  await sealFilesDirectory(layout, files);
  // The seal must be durable before any file changes. After a power cut, recovery trusts the files
  // only if their directory is sealed; otherwise it would leave them read-only.
  await fsyncDirectory(files);
  // Nobody else can reach the files here, so this second look decides what is stored.
  await requireCopies(staging, copies, source.path);
  const taken = await listTaken(files, before, copies, source);
  const found = originOf(place.path, attributes, taken);
  if (!isDeepStrictEqual(found, origin)) await correctOrigin(staging, found);
  for (const { name } of taken) await sealFile(layout, join(files, name));
  return taken;
}

function isSingle({ linkCount }: SourceFile): boolean {
  return linkCount === 1;
}

/** Lists the files that were taken over. A copy has the attributes of the file that it replaces. */
async function listTaken(
  directory: string,
  before: readonly SourceFile[],
  copies: LinkedCopies,
  { path, owner }: CallerPath,
): Promise<readonly SourceFile[]> {
  const replaced = new Map(before.filter(({ name }) => copies.has(name)).map((f) => [f.name, f]));
  const taken: SourceFile[] = [];
  for (const file of await listAdoptable(directory, undefined)) {
    const original = replaced.get(file.name);
    const { uid } = original?.attributes ?? file.attributes;
    if (owner !== undefined && uid !== owner) throw foreignOwner(join(path, file.name), uid);
    if (!isSingle(file)) throw changedMeanwhile(file.name, path);
    const { mode, attributes } = original ?? file;
    taken.push({ ...file, mode, attributes });
  }
  return taken;
}

function originOf(source: string, directory: Attributes, files: readonly SourceFile[]): Origin {
  return {
    source,
    directory,
    files: files.map(({ name, attributes }) => ({ name, ...attributes })),
  };
}

/**
 * Throws unless the daemon may make the files read-only, which only their owner and root may do.
 * This refusal must come before anything has moved.
 */
function requireMayChange({ source, directory, files }: Origin): void {
  const own = process.geteuid?.();
  if (own === 0) return;
  for (const { name, uid } of [{ name: "", ...directory }, ...files]) {
    if (uid !== own) throw notOurs(join(source, name), uid);
  }
}

async function openSource(
  layout: Layout,
  { parent, name, path }: HeldPlace,
  source: CallerPath,
): Promise<HeldDirectory> {
  if (layout.root.startsWith(`${path}/`)) {
    throw fieldInvalid(field, "a directory outside the store's root", source.path);
  }
  const directory = await holdEntry(parent, name).catch(async (error: unknown) => {
    // rename(2) would move the symbolic link itself and leave the data where it is.
    const found = await lstat(parent.at(name)).catch(() => undefined);
    if (found === undefined || found.isDirectory()) throw error;
    throw fieldInvalid(field, "a directory, no link to one", source.path);
  });
  try {
    await requireOwner(directory, source);
  } catch (error) {
    await directory[Symbol.asyncDispose]();
    throw error;
  }
  return directory;
}

/**
 * Checks that a name still means the directory that was checked, because rename(2) takes a name and
 * not a descriptor.
 */
async function requireSame(directory: HeldDirectory, moved: string, given: string): Promise<void> {
  const [checked, found] = await withIoError(
    { what: "look at the directory that was taken over", path: moved },
    () => Promise.all([directory.self, moved].map((path) => lstat(path, { bigint: true }))),
  );
  if (checked?.dev === found?.dev && checked?.ino === found?.ino) return;
  throw fieldInvalid(field, "a directory that stays in its place during the call", given);
}

async function listAdoptable(
  directory: string,
  owner: number | undefined,
): Promise<readonly SourceFile[]> {
  const files = await listDataFiles(directory, { owner });
  for (const { name } of files) {
    if (name !== envelopeFileName) continue;
    throw new StoreError(
      "ARCHIVE_INVALID",
      `directory entry "${name}": reserved for the envelope of an archive`,
      { hint: "Use Import for what was exported", metadata: { entry: name } },
    );
  }
  return files;
}
