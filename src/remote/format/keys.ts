// The keys of the objects below the prefix of a remote. docs/remote-format.md describes each
// object. A key is never used for two objects, and no key depends on content.
import { isRemoteId } from "./remote-id.js";

export const formatKey = "format.json";

/** Part of a push: its packs are numbered from 0. */
export interface PackName {
  /** Id of the push that has written it. */
  readonly push: string;
  readonly sequence: number;
}

/** Packs of one push; at 16 MiB for each they hold 15 TiB. */
export const maxPacks = 1_000_000;
const sequenceDigits = 6;

export const snapshotsPrefix = "snapshots/";
const packsPrefix = "packs/";

export function snapshotKey(id: string): string {
  return `${snapshotsPrefix}${id}.json`;
}

/** Undefined for a key that no snapshot has. */
export function snapshotOfKey(key: string): string | undefined {
  const [, id = ""] = /^snapshots\/([^/]+)\.json$/.exec(key) ?? [];
  return isRemoteId(id) ? id : undefined;
}

export const mapsPrefix = "maps/";

export function mapKey(id: string): string {
  return `${mapsPrefix}${id}`;
}

export function packKey({ push, sequence }: PackName): string {
  return `${packsOfPush(push)}${String(sequence).padStart(sequenceDigits, "0")}`;
}

/**
 * The keys of a push's packs begin with it. Random characters come first, so that engines that
 * split a bucket by key spread pushes over its parts.
 */
export function packsOfPush(push: string): string {
  return `${packsPrefix}${push.slice(-2)}/${push}-`;
}

/** Undefined for a key that no pack has. */
export function packOfKey(key: string): PackName | undefined {
  const [, spread = "", push = "", digits = ""] =
    /^packs\/([^/]+)\/([^/-]+)-(\d{6})$/.exec(key) ?? [];
  if (!isRemoteId(push) || push.slice(-2) !== spread) return undefined;
  return { push, sequence: Number(digits) };
}

/** `id` is the id of a repository key. */
export function repositoryKeyKey(id: string): string {
  return `keys/${id}.json`;
}

export const keysPrefix = "keys/";

/** Undefined for a key that no repository key has. */
export function repositoryKeyOf(key: string): string | undefined {
  const [, id = ""] = /^keys\/([^/]+)\.json$/.exec(key) ?? [];
  return isRemoteId(id) ? id : undefined;
}

export const collectionsPrefix = "gc/";

/** A push that is taken up again makes another claim: `number` counts from 0. */
export function claimKey(push: string, number: number): string {
  return `claims/${push}.${number}.json`;
}
