// Defines the keys of the objects below the prefix of a remote. docs/remote-format.md describes
// each object. A key is never used for two objects, and no key depends on content.
import { isRemoteId } from "./remote-id.js";

export const formatKey = "format.json";

/** The name of a pack, which is a part of a push. The packs of a push are numbered from 0. */
export interface PackName {
  /** Id of the push that has written the pack. */
  readonly push: string;
  /**
   * The number of the pack's key, from 0. A pack gets a new key if its key is burnt or its push is
   * resumed.
   */
  readonly attempt: number;
  readonly sequence: number;
}

/** Maximum number of packs of one push. At 16 MiB each, they hold 15 TiB. */
export const maxPacks = 1_000_000;
const sequenceDigits = 6;
/** Maximum number of attempts of one pack. Their number has at most nine digits in the key. */
export const maxPackAttempts = 1_000_000_000;

export const snapshotsPrefix = "snapshots/";
export const packsPrefix = "packs/";

export function snapshotKey(id: string): string {
  return `${snapshotsPrefix}${id}.json`;
}

/** Returns the id of the snapshot. Undefined for a key that no snapshot has. */
export function snapshotOfKey(key: string): string | undefined {
  const [, id = ""] = /^snapshots\/([^/]+)\.json$/.exec(key) ?? [];
  return isRemoteId(id) ? id : undefined;
}

export const mapsPrefix = "maps/";

export function mapKey(id: string): string {
  return `${mapsPrefix}${id}`;
}

export function packKey({ push, attempt, sequence }: PackName): string {
  return `${packsOfPush(push)}${attempt}-${String(sequence).padStart(sequenceDigits, "0")}`;
}

/**
 * Returns the beginning of the keys of a push's packs. Random characters come first, so that
 * engines that split a bucket by key spread pushes over its parts.
 */
export function packsOfPush(push: string): string {
  return `${packsPrefix}${push.slice(-2)}/${push}-`;
}

/** Returns the name of the pack. Undefined for a key that no pack has. */
export function packOfKey(key: string): PackName | undefined {
  const [, spread = "", push = "", attempt = "", digits = ""] =
    /^packs\/([^/]+)\/([^/-]+)-(0|[1-9]\d{0,8})-(\d{6})$/.exec(key) ?? [];
  if (!isRemoteId(push) || push.slice(-2) !== spread) return undefined;
  return { push, attempt: Number(attempt), sequence: Number(digits) };
}

/**
 * Returns the key of the object that holds a repository key. `id` is the id of the repository key.
 */
export function repositoryKeyKey(id: string): string {
  return `keys/${id}.json`;
}

export const keysPrefix = "keys/";

/** Returns the id of the repository key. Undefined for a key that no repository key has. */
export function repositoryKeyOf(key: string): string | undefined {
  const [, id = ""] = /^keys\/([^/]+)\.json$/.exec(key) ?? [];
  return isRemoteId(id) ? id : undefined;
}

export const collectionsPrefix = "gc/";

/** Returns the key of the intent of a collection. `run` is new for each intent. */
export function collectionKey(run: string): string {
  return `${collectionsPrefix}${run}.json`;
}

export const deletionsPrefix = "deletes/";
export const holdsPrefix = "holds/";

/** Returns the key of an intent to delete a snapshot. `random` is new for each intent. */
export function deletionKey(id: string, random: string): string {
  return `${deletionsPrefix}${id}/${random}.json`;
}

/** Returns the prefix of the snapshot's holds. A hold says that a node depends on the snapshot. */
export function holdsOf(id: string): string {
  return `${holdsPrefix}${id}/`;
}

/** Returns the key of a hold. `random` is new for each hold. */
export function holdKey(id: string, nodeId: string, random: string): string {
  return `${holdsOf(id)}${nodeId}/${random}`;
}

/** Returns the id of the node that has put the hold. */
export function nodeOfHold(key: string): string {
  return key.split("/")[2] ?? "";
}

/**
 * Returns the id of the snapshot that a hold, or the intent of a deletion, is about. Undefined for
 * other keys.
 */
export function snapshotOfLeftover(key: string): string | undefined {
  const [, id = ""] = /^(?:holds|deletes)\/([^/]+)\/./.exec(key) ?? [];
  return isRemoteId(id) ? id : undefined;
}

/** Returns the id of the run that has stored an intent of a collection or of a deletion. */
export function runOfIntent(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1).replace(/\.json$/, "");
}

export const claimsPrefix = "claims/";

/** Returns the key of a claim. A push may make several claims, each with another number. */
export function claimKey(push: string, number: number): string {
  return `${claimsPrefix}${push}.${number}.json`;
}
