// Selects snapshots by their digest, and files of a snapshot by the names that a request lists.
import { describeValue, fieldInvalid } from "../../base/errors.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import type { Reader } from "./ports.js";

/** The maximum number of existing files that an error lists. */
const maxListed = 10;

/** Throws FIELD_INVALID for `field` if the snapshot has no file of one of these names. */
export function requireNames(snapshot: Snapshot, names: Iterable<string>, field = "files"): void {
  const known = new Set(snapshot.files.map(({ name }) => name));
  for (const name of names) {
    if (known.has(name)) continue;
    const listed = [...known].slice(0, maxListed).map(describeValue).join(", ");
    const more = known.size > maxListed ? ` and ${known.size - maxListed} more` : "";
    const expected = `a file of snapshot ${snapshot.config.id} (${listed}${more})`;
    throw fieldInvalid(field, expected, name);
  }
}

/**
 * Returns the files with these names, in the order of names. Returns all files if there are no
 * names.
 */
export function selectFiles(snapshot: Snapshot, names: readonly string[]): readonly SnapshotFile[] {
  if (names.length === 0) return snapshot.files;
  requireNames(snapshot, names);
  const wanted = new Set(names);
  return snapshot.files.filter(({ name }) => wanted.has(name));
}

/**
 * The maximum number of snapshots with one digest to look at in the search for an undamaged one.
 */
const maxWithDigest = 32;

/** Returns an undamaged snapshot with this digest that the caller sees. */
export function findUndamaged(
  { catalog }: Pick<Reader, "catalog">,
  digest: string,
): Snapshot | undefined {
  for (const id of catalog.idsWithDigest(digest, maxWithDigest)) {
    const snapshot = catalog.get(id);
    if (snapshot?.corrupt === false) return snapshot;
  }
  return undefined;
}
