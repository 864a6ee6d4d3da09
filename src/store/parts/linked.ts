// Detects that a stored file was changed through the hard link of a clone.
//
// A link is the stored file itself, and no mode protects it from root: a hypervisor may open it
// read-write, punch holes into it or take it as the target of a new snapshot. So the attributes of
// a file are recorded, durably, before its first link exists. Reads without force compare them when
// they open the snapshot (requireUnchanged), and so does recovery. If they differ, the snapshot is
// marked as corrupt. Verify then reads all data. If the data matches the digests, Verify removes
// the mark and records the new attributes.
//
// The change time is not compared, because it changes whenever a link is made or removed. If a
// program writes and then restores the old modification time, only Verify and the scrub detect the
// change.
import { StoreError } from "../../base/errors.js";
import type { LinkedFile } from "../../catalog/open.js";
import { linkCountOf, storedIdentityOf } from "../../files/file-identity.js";
import type { StoredSnapshot } from "../../files/stored.js";
import type { Commits, Links } from "./ports.js";

type Opened = Pick<StoredSnapshot, "id" | "pathOf">;

/**
 * Records the attributes of the files. Call it before files of the snapshot are linked. A file that
 * is already recorded keeps its record, unless stasis has replaced the file since then.
 */
export async function recordLinks(
  { catalog, commits }: Links & Commits,
  stored: Opened,
  names: readonly string[],
): Promise<void> {
  const found = names.map((name) => attributesOf(stored, name));
  const missing = (): readonly LinkedFile[] => {
    const known = new Map(catalog.linkedFiles(stored.id).map((file) => [file.name, file.inode]));
    return found.filter(({ name, inode }) => known.get(name) !== inode);
  };
  if (missing().length === 0) return;
  await commits.take();
  const news = missing();
  if (news.length === 0) return;
  const isNew = ({ name }: LinkedFile): boolean => news.some((file) => file.name === name);
  const kept = catalog.linkedFiles(stored.id).filter((file) => !isNew(file));
  catalog.setLinkedFiles(stored.id, [...kept, ...news]);
}

/**
 * Records the files that have other hard links, for a snapshot whose record was lost. Nobody knows
 * whether such a file has changed, so `requireUnchanged` refuses it until Verify has read it.
 */
export function suspectLinks(
  { catalog }: Pick<Links, "catalog">,
  stored: Opened,
  names: readonly string[],
): void {
  const linked = names.filter((name) => linkCountOf(stored.pathOf(name)) > 1);
  if (linked.length === 0) return;
  const unknown = linked.map((name) => ({ ...attributesOf(stored, name), mtimeNs: "unknown" }));
  catalog.setLinkedFiles(stored.id, unknown);
}

/** Throws STORED_DATA_CORRUPT if a linked file has changed since before its first link. */
export function requireUnchanged(links: Pick<Links, "catalog">, stored: Opened): void {
  const known = links.catalog.linkedFiles(stored.id);
  if (known.length === 0) return;
  const found = lookAtLinks(links, stored);
  const changed = known.find((file, index) => isChanged(file, found[index]));
  if (changed === undefined) return;
  throw new StoreError(
    "STORED_DATA_CORRUPT",
    `snapshot ${stored.id} may be damaged: ${changed.name} was changed through a hard link of a clone`,
    {
      hint: `Run \`stasis verify ${stored.id}\`: if its digests are right, it can be used again`,
      resource: { type: "snapshot", name: stored.id },
      metadata: { snapshot_id: stored.id, file: changed.name },
    },
  );
}

/** Returns the linked files as they are now. */
export function lookAtLinks(
  { catalog }: Pick<Links, "catalog">,
  stored: Opened,
): readonly LinkedFile[] {
  return catalog.linkedFiles(stored.id).map(({ name }) => attributesOf(stored, name));
}

/**
 * Records links in the state that `lookAtLinks` found. Call it when all data that was read since
 * then matches the digests.
 */
export async function acceptLinks(
  { catalog, commits }: Links & Commits,
  id: string,
  found: readonly LinkedFile[],
): Promise<void> {
  const known = catalog.linkedFiles(id);
  if (!known.some((file, index) => isChanged(file, found[index]))) return;
  await commits.take();
  if (catalog.linkedFiles(id).length === found.length) catalog.setLinkedFiles(id, found);
}

/**
 * Returns whether the file was changed. A different inode does not count: stasis itself has
 * replaced the file, as healing does.
 */
function isChanged(known: LinkedFile, found: LinkedFile | undefined): boolean {
  if (known.inode !== found?.inode) return false;
  return known.mtimeNs !== found.mtimeNs || known.uid !== found.uid;
}

function attributesOf(stored: Opened, name: string): LinkedFile {
  return { name, ...storedIdentityOf(stored.pathOf(name)) };
}
